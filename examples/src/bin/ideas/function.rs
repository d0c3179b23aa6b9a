//! A function becomes a span: its arguments, its result, its place in the tree.

use galileo::{Mode, init, log};

#[log(span_type = "tool")]
fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

#[log]
async fn report(texts: &[&str]) -> String {
    let counts: Vec<usize> = texts.iter().map(|text| count(text)).collect();
    format!("{counts:?}")
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    println!("{}", report(&["four moons of Jupiter", "rings"]).await);
    Ok(())
}
