//! A call of a model, recorded by hand: messages in, a message out, tokens, and why it stopped.

use galileo::{Mode, current_span, init, log};
use serde::Serialize;

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: String,
}

#[log(span_type = "llm", model = "gpt-4o-mini", temperature = 0.2)]
async fn ask(messages: &[Message]) -> Result<String, std::io::Error> {
    // Call the model here.
    current_span().set_usage((21, 5)).set_finish_reason("stop");
    Ok(format!("{} messages are about the moons of Jupiter.", messages.len()))
}

#[log]
async fn answer(question: &str) -> Result<String, std::io::Error> {
    let system = Message { role: "system", content: "You are an astronomer.".to_owned() };
    ask(&[system, Message { role: "user", content: question.to_owned() }]).await
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    println!("{}", answer("What did Galileo see?").await?);
    Ok(())
}
