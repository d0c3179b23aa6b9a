//! A trace that answers a row of a dataset carries the row, so that an evaluation can compare.

use galileo::{Dataset, Mode, init, log};

#[log]
fn answer(question: &str) -> String {
    if question.contains("Jupiter") { "4".to_owned() } else { "unknown".to_owned() }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    for (question, expected) in [("How many moons of Jupiter did he see?", "4"), ("And of Saturn?", "0")] {
        let _row = galileo::dataset_context(Dataset::new().input(question).output(expected)).attach();
        println!("{question} {} (expected {expected})", answer(question));
    }
    Ok(())
}
