//! LangSmith's headers on their own, for services between LangSmith's own SDKs.
//!
//! With the exporter `langsmith` the middlewares and clients of this crate read and write these headers already; these functions are
//! for code that handles headers itself.
//!
//! ```
//! use galileo::{InContext, langsmith};
//!
//! # async fn rank() {}
//! # futures::executor::block_on(async {
//! // What a caller sent, as any map of text.
//! let headers = std::collections::HashMap::from([(
//!     "langsmith-trace".to_owned(),
//!     "20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d".to_owned(),
//! )]);
//! let context = langsmith::tracing_context(&headers);
//! assert!(context.trace_id().is_some());
//! rank().in_context(context).await;
//! # });
//! assert!(langsmith::tracing_headers().is_empty(), "nothing runs here");
//! ```

use crate::context::{Context, get_tracing_headers};
use crate::propagation::Carrier;
use crate::propagation::langsmith::LANGSMITH_TRACE;
use http::HeaderMap;
use std::ops::ControlFlow;

const BAGGAGE: &str = "baggage";

/// The context in which spans continue the run that `langsmith-trace` names; tags, metadata and project come with it from `baggage`.
///
/// Other trace headers are not looked at. Without a readable `langsmith-trace` it is [`Context::root`], and nothing is an error.
#[must_use]
pub fn tracing_context(headers: &dyn Carrier) -> Context {
    Context::extract(&Only(headers))
}

/// `langsmith-trace` and `baggage` for the next service, naming the current span as its parent run.
///
/// Empty outside any span, and where LangSmith's headers are not written: they are with the exporter `langsmith`, or when
/// `GALILEO_PROPAGATORS` names them.
#[must_use]
pub fn tracing_headers() -> HeaderMap {
    let mut headers = get_tracing_headers();
    if !headers.contains_key(LANGSMITH_TRACE) {
        return HeaderMap::new();
    }
    let others: Vec<_> = headers.keys().filter(|name| !is_langsmiths(name.as_str())).cloned().collect();
    for name in others {
        headers.remove(name);
    }
    headers
}

fn is_langsmiths(name: &str) -> bool {
    name.eq_ignore_ascii_case(LANGSMITH_TRACE) || name.eq_ignore_ascii_case(BAGGAGE)
}

/// A carrier without the headers of others.
struct Only<'a>(&'a dyn Carrier);

impl Carrier for Only<'_> {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        if is_langsmiths(name) {
            self.0.each_line(name, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_langsmiths_headers_count() {
        let run = "20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d";
        let w3c = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(w3c));
        assert!(tracing_context(&headers).trace_id().is_none());
        headers.insert(LANGSMITH_TRACE, HeaderValue::from_static(run));
        let trace = tracing_context(&headers).trace_id().map(|id| id.to_string());
        assert_eq!(trace.as_deref(), Some("01a1fa75-565d-4cff-8c50-405353df141d"));
    }
}
