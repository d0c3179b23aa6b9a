//! Batch mode, one process from before `init` to after shutdown: which headers there are, and why when there are none.

use std::time::Duration;

use galileo::context::NoHeaders;
use galileo::export::{ExportError, Exporter, Outcomes, SpanRecord};
use galileo::{Config, Mode, Span, get_tracing_headers, try_get_tracing_headers};

struct Discard;

impl Exporter for Discard {
    fn export(&mut self, _: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
        out.deliver_all();
        Ok(())
    }
}

fn names() -> Vec<String> {
    let headers = Span::workflow("ask").in_scope(get_tracing_headers);
    let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

#[test]
fn headers_follow_mode_and_settings() {
    assert_eq!(try_get_tracing_headers(), Err(NoHeaders::NotRecording));
    assert!(Span::workflow("ask").in_scope(get_tracing_headers).is_empty());

    let start = |mode, propagators: &str| {
        let builder = Config::builder().without_dotenv().mode(mode).exporter(Discard);
        let builder = match propagators {
            "" => builder,
            list => builder.variable("GALILEO_PROPAGATORS", list),
        };
        builder.init().expect("valid settings")
    };
    let guard = start(Mode::Batch, "");
    assert_eq!(try_get_tracing_headers(), Err(NoHeaders::NoTrace));
    assert_eq!(names(), ["traceparent"], "the Galileo trace does not exist before it is whole");
    guard.shutdown(Duration::from_secs(5));

    let guard = start(Mode::Distributed, "");
    assert_eq!(names(), ["traceparent", "x-galileo-parent-id", "x-galileo-trace-id"]);
    guard.shutdown(Duration::from_secs(5));

    let guard = start(Mode::Distributed, "tracecontext");
    assert_eq!(names(), ["traceparent"]);
    guard.shutdown(Duration::from_secs(5));

    let guard = start(Mode::Distributed, "none");
    assert!(names().is_empty());
    assert_eq!(Span::workflow("ask").in_scope(try_get_tracing_headers), Err(NoHeaders::NoPropagators));
    guard.shutdown(Duration::from_secs(5));

    assert_eq!(try_get_tracing_headers(), Err(NoHeaders::NotRecording), "as before");
}
