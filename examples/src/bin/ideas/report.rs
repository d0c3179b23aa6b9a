//! Knowing what was delivered: `flush` and `shutdown` say what became of every span.

use std::time::Duration;

use galileo::{Mode, init, log};

#[log(span_type = "tool")]
fn step(number: u32) -> u32 {
    number + 1
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let galileo = init(Mode::from_env()?)?;
    (0..10).for_each(|number| {
        step(number);
    });
    println!("flush: {}", galileo.flush(Duration::from_secs(5)));
    step(10);
    let report = galileo.shutdown(Duration::from_secs(5));
    println!("shutdown: {report}");
    assert_eq!(report.accepted, report.delivered + report.spooled + report.queued + report.dropped.total());
    if report.is_complete() { Ok(()) } else { Err("not every span was delivered".into()) }
}
