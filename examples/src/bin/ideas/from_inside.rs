//! What is known only while a function runs: `current_span()` adds it, and does nothing outside of any span.

use galileo::{Mode, current_span, init, log};

#[log(span_type = "llm", model = "small")]
fn ask(prompt: &str) -> String {
    let answer = "Four moons.".to_owned();
    current_span()
        .set_usage((prompt.len() as u64, answer.len() as u64))
        .set_finish_reason("stop")
        .metadata("attempt", 1)
        .tag("astronomy")
        .event("answered", "without a second try");
    answer
}

#[log]
fn answer(question: &str) -> String {
    let span = current_span();
    println!("this is trace {:?}", span.trace_id());
    span.set_status(200);
    ask(question)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    current_span().tag("nobody sees this");
    println!("{}", answer("What did Galileo see?"));
    Ok(())
}
