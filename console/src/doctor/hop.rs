//! Do headers travel from one service to the next? A request with the headers of a made-up trace goes to the caller and another one to
//! the callee; the spans that then arrive at the console under those traces tell which of the two breaks the chain.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};

use super::Check;
use crate::model::{Id, TraceView};

const NAME: &str = "propagation";

/// What to ask for.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) caller: String,
    pub(crate) callee: String,
    pub(crate) method: Method,
    pub(crate) body: Option<String>,
    pub(crate) wait: Duration,
}

/// What arrived under the trace of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The request was answered.
    pub(crate) answered: bool,
    /// Services with spans in the trace.
    pub(crate) services: BTreeSet<String>,
}

impl Hop {
    /// Sends both requests and waits for spans. `look` gives a trace as the console has it now.
    pub(crate) async fn follow<L: AsyncFn(Id) -> Option<TraceView>>(&self, look: L) -> Vec<Check> {
        let callee = self.probe(&self.callee, &look, 1).await;
        let caller = self.probe(&self.caller, &look, 2).await;
        judge(&self.caller, &self.callee, &caller, &callee)
    }

    async fn probe<L: AsyncFn(Id) -> Option<TraceView>>(&self, url: &str, look: &L, wanted: usize) -> Seen {
        let (trace, parent) = (Id::random(), Id::random());
        let span_id = &parent.to_hex()[16..];
        let request = Client::builder().timeout(self.wait.max(Duration::from_secs(10))).build().map(|client| {
            let request = client
                .request(self.method.clone(), url)
                .header("X-Galileo-Trace-ID", trace.to_string())
                .header("X-Galileo-Parent-ID", trace.to_string())
                .header("traceparent", format!("00-{}-{span_id}-01", trace.to_hex()));
            match &self.body {
                Some(body) => request.header("Content-Type", "application/json").body(body.clone()),
                None => request,
            }
        });
        let answered = match request {
            Ok(request) => request.send().await.is_ok(),
            Err(_) => false,
        };
        let mut seen = Seen { answered, services: BTreeSet::new() };
        let deadline = Instant::now() + self.wait;
        while answered && seen.services.len() < wanted && Instant::now() < deadline {
            if let Some(view) = look(trace).await {
                seen.services = view.spans.iter().map(|span| span.service.clone().unwrap_or_default()).collect();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        seen
    }
}

/// What follows from both probes.
fn judge(caller_url: &str, callee_url: &str, caller: &Seen, callee: &Seen) -> Vec<Check> {
    let mut checks = Vec::new();
    for (url, seen) in [(callee_url, callee), (caller_url, caller)] {
        if !seen.answered {
            checks.push(Check::failed(
                NAME,
                format!("`{url}` does not answer"),
                "give the address of a route that this service answers, with --method and --body where needed",
            ));
        }
    }
    if !checks.is_empty() {
        return checks;
    }
    let names = |seen: &Seen| seen.services.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    checks.push(if callee.services.is_empty() {
        Check::failed(
            NAME,
            format!("`{callee_url}` does not continue the trace of its caller, or its spans do not arrive here"),
            "add the middleware that reads the headers (`TracingLayer` in Rust, the tracing middleware in Python), and let this service send to this console",
        )
    } else {
        Check::ok(NAME, format!("`{callee_url}` reads the headers and sends spans of {}", names(callee)))
    });
    checks.push(if caller.services.is_empty() {
        Check::failed(
            NAME,
            format!("`{caller_url}` does not continue the trace of its caller, or its spans do not arrive here"),
            "add the middleware that reads the headers (`TracingLayer` in Rust, the tracing middleware in Python), and let this service send to this console",
        )
    } else if !callee.services.is_empty() && callee.services.is_disjoint(&caller.services) {
        Check::failed(
            NAME,
            format!("a request through `{caller_url}` leaves spans of {} only: its call does not carry the headers", names(caller)),
            "send them with every call: the client's middleware, or `get_tracing_headers()` added to the request; a task that was spawned needs `galileo::spawn`",
        )
    } else if callee.services.is_empty() {
        Check::ok(NAME, format!("`{caller_url}` reads the headers and sends spans of {}", names(caller)))
    } else {
        Check::ok(NAME, format!("a request through `{caller_url}` is one trace with spans of {}", names(caller)))
    });
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn the_side_that_breaks_the_chain_is_named() {
        let seen = |answered: bool, services: &[&str]| Seen {
            answered,
            services: services.iter().map(|name| (*name).to_owned()).collect(),
        };
        for (caller, callee, failed, why) in [
            (seen(true, &["a", "b"]), seen(true, &["b"]), vec![], "all is well"),
            (seen(true, &["a"]), seen(true, &["b"]), vec!["does not carry the headers"], "the caller does not send"),
            (seen(true, &["a"]), seen(true, &[]), vec!["http://b` does not continue"], "the callee does not read"),
            (seen(true, &[]), seen(true, &["b"]), vec!["http://a` does not continue"], "the caller does not read"),
            (seen(false, &[]), seen(true, &["b"]), vec!["http://a` does not answer"], "the caller is down"),
        ] {
            let checks = judge("http://a", "http://b", &caller, &callee);
            let wrong: Vec<&Check> = checks.iter().filter(|check| check.verdict == Verdict::Failed).collect();
            assert_eq!(wrong.len(), failed.len(), "{why}: {checks:?}");
            assert!(
                failed.iter().all(|part| wrong.iter().any(|check| check.found.contains(part) && !check.fix.is_empty())),
                "{why}: {checks:?}"
            );
        }
    }
}
