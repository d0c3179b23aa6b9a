//! A job queue: the context travels in the message, and the work lies under the request that asked for it, minutes later.

use std::collections::HashMap;

use galileo::{Context, InContext, Mode, init, log};
use tokio::sync::mpsc;

type Job = (String, HashMap<String, String>);

#[log]
async fn request(report: &str, queue: &mpsc::Sender<Job>) -> &'static str {
    let mut headers = HashMap::new();
    Context::current().inject(&mut headers);
    let _ = queue.send((report.to_owned(), headers)).await;
    "accepted"
}

#[log(span_type = "tool")]
async fn render(report: String) -> usize {
    report.len()
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let (queue, mut jobs) = mpsc::channel(8);
    println!("{} {}", request("moons", &queue).await, request("rings", &queue).await);
    drop(queue);
    // Both requests are answered; now the worker begins.
    while let Some((report, headers)) = jobs.recv().await {
        println!("{}", render(report).in_context(Context::extract(&headers)).await);
    }
    Ok(())
}
