//! Work that nobody waits for belongs to the trace all the same: `galileo::spawn` takes the context along.

use galileo::{Mode, init, log};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[log(span_type = "tool")]
async fn write_to_archive(answer: String, answered: oneshot::Receiver<()>) -> usize {
    // Begins when the caller has long had its answer.
    let _ = answered.await;
    answer.len()
}

#[log]
async fn answer(question: &str, answered: oneshot::Receiver<()>) -> (String, JoinHandle<usize>) {
    let answer = format!("about {question}");
    let archive = galileo::spawn(write_to_archive(answer.clone(), answered));
    (answer, archive)
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let (tell, answered) = oneshot::channel();
    let (answer, archive) = answer("moons", answered).await;
    println!("{answer}");
    let _ = tell.send(());
    println!("{} bytes were archived", archive.await?);
    Ok(())
}
