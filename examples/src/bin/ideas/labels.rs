//! Labels for everything that happens below: tags and metadata of a context, and baggage that also goes to other services.

use galileo::propagation::Baggage;
use galileo::{Context, Mode, get_tracing_headers, init, log};

#[log(tags = ["import"], metadata(rows = rows))]
fn import(rows: usize) -> usize {
    check(rows)
}

#[log(span_type = "tool")]
fn check(rows: usize) -> usize {
    println!("a service that is called here learns {:?}", get_tracing_headers().get("baggage"));
    rows
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let baggage = Baggage::parse(b"tenant=acme").ok_or("not a baggage header")?;
    let _labels = Context::current().with_tag("nightly").with_metadata("region", "eu").with_baggage(baggage).attach();
    println!("{}", import(3));
    Ok(())
}
