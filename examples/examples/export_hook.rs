//! A look at everything before it leaves the process: no health checks, no account numbers, in whatever mode and for every exporter.

use galileo::export::{HookRecord, Memory, Moment, Pass};
use galileo::model::Field;
use galileo::{Config, DropReason, Span};
use std::error::Error;
use std::time::Duration;

fn look(record: &mut HookRecord<'_>) -> Pass {
    if record.moment() == Moment::Start && record.name() == "health" {
        return Pass::Drop;
    }
    for field in [Field::Input, Field::Output] {
        record.map_text(field, |text| text.replace("4711", "[account]"));
    }
    Pass::Keep
}

/// Records three spans, of which one is left out and counted.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let memory = Memory::new();
    let galileo = Config::builder().export_hook(look).exporter(memory.clone()).init()?;
    Span::tool("health").in_scope(|| ());
    Span::workflow("ask").input("what of 4711?").in_scope(|| {
        Span::tool("balance").in_scope(|| galileo::current_span().set_output("4711 has 3 ducats").is_recorded())
    });
    let report = galileo.shutdown(Duration::from_secs(5));
    assert_eq!(report.dropped.by(DropReason::Filtered), 1);
    let said: Vec<_> = memory.spans().into_iter().map(|span| (span.name, span.output.or(span.input))).collect();
    assert_eq!(said[0], ("balance".into(), Some("[account] has 3 ducats".into())));
    assert_eq!(said[1], ("ask".into(), Some("what of [account]?".into())));
    Ok(())
}
