//! Fewer traces: none of those that a workflow begins, all of those that an agent begins.

use galileo::sampling::Sampler;
use galileo::{Config, Mode, SpanType, log};

#[log(span_type = "agent")]
fn decide(question: &str) -> usize {
    look_up(question)
}

#[log]
fn look_up(question: &str) -> usize {
    question.len()
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sampler = Sampler::ratio(0.0).for_type(SpanType::Agent, 1.0);
    let _galileo = Config::builder().mode(Mode::from_env()?).sampler(sampler).init()?;
    println!("{} {}", look_up("not recorded"), decide("recorded, and what lies below it too"));
    Ok(())
}
