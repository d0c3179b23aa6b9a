//! Batch mode: a whole trace in one request when it is complete, for programs that nobody else joins.

use galileo::{Mode, init, log};

#[log(span_type = "tool")]
fn clean(row: &str) -> String {
    row.trim().to_lowercase()
}

#[log]
fn import(rows: &[&str]) -> Vec<String> {
    rows.iter().map(|row| clean(row)).collect()
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::Batch)?;
    println!("{:?}", import(&[" Io ", "Europa", " GANYMEDE"]));
    // No headers: another service could not join a trace that the backend does not know yet.
    assert!(!galileo::get_tracing_headers().contains_key("x-galileo-trace-id"));
    Ok(())
}
