//! The scenarios: what is done, and what the trace has to show for it.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::time::Instant;

use clap::ValueEnum;
use futures::stream::{self, StreamExt, TryStreamExt};
use galileo_console::insight::{Finding, Kind};
use galileo_console::model::{SpanNode, TraceView};
use galileo_console::term::duration_text;
use galileo_examples::microservices::message::{Answer, Faults};

use crate::client::{self, Exchange};
use crate::fleet::Fleet;
use crate::outline::{end, error_path, found, outline, service_map};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    Happy,
    CacheHit,
    ServiceFailure,
    Timeout,
    Retry,
    Parallel,
    FireAndForget,
    Load,
}

/// What a scenario leaves to look at.
pub(crate) struct Shown {
    pub(crate) trace: TraceView,
    /// One sentence on what the trace told.
    pub(crate) finding: String,
}

type Outcome = Result<Shown, Box<dyn Error>>;

const EVERYONE: [&str; 6] = ["auth", "cache", "gateway", "orchestrator", "rag", "search"];

/// Requests of the load scenario, and how many are under way at once.
const REQUESTS: usize = 60;
const AT_ONCE: usize = 8;

/// Spans of a request that goes through every service.
const SPANS: usize = 20;

impl Scenario {
    pub(crate) const ALL: [Scenario; 8] = [
        Scenario::Happy,
        Scenario::CacheHit,
        Scenario::ServiceFailure,
        Scenario::Timeout,
        Scenario::Retry,
        Scenario::Parallel,
        Scenario::FireAndForget,
        Scenario::Load,
    ];

    pub(crate) fn about(self) -> &'static str {
        match self {
            Scenario::Happy => "a question goes through every service",
            Scenario::CacheHit => "the same question again is answered from the cache",
            Scenario::ServiceFailure => "the model fails, and the error travels back to the user",
            Scenario::Timeout => "the model is slow, and the pipeline gives up",
            Scenario::Retry => "the model is not available twice, then it is",
            Scenario::Parallel => "a question of two parts is looked up at the same time",
            Scenario::FireAndForget => "the answer is kept after the user has it",
            Scenario::Load => "many questions at once",
        }
    }

    pub(crate) async fn run(self, fleet: &Fleet) -> Outcome {
        match self {
            Scenario::Happy => happy(fleet).await,
            Scenario::CacheHit => cache_hit(fleet).await,
            Scenario::ServiceFailure => service_failure(fleet).await,
            Scenario::Timeout => timeout(fleet).await,
            Scenario::Retry => retry(fleet).await,
            Scenario::Parallel => parallel(fleet).await,
            Scenario::FireAndForget => fire_and_forget(fleet).await,
            Scenario::Load => load(fleet).await,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

async fn happy(fleet: &Fleet) -> Outcome {
    let Exchange { status, trace, .. } = client::ask(fleet, "How are spans delivered?", &EVERYONE).await?;
    equal("status", &status, &200)?;
    same_tree(
        &trace,
        "
POST /chat workflow @gateway
  auth.check tool @gateway
    POST /check workflow @auth
      auth.users.find_by_token tool @auth
  orchestrator.process tool @gateway
    POST /process workflow @orchestrator
      orchestrator.answer agent @orchestrator
        cache.lookup tool @orchestrator
          POST /lookup workflow @cache
            cache.answers.get tool @cache
        search.passages tool @orchestrator
          POST /search workflow @search
            vectors.passages.nearest retriever @search
        rag.generate tool @orchestrator
          POST /generate workflow @rag
            rag.context.prepare tool @rag
            llm.chat llm @rag
        cache.store tool @orchestrator
          POST /store workflow @cache
            cache.answers.put tool @cache
",
    )?;
    let edges = [
        "gateway -> auth",
        "gateway -> orchestrator",
        "orchestrator -> cache",
        "orchestrator -> rag",
        "orchestrator -> search",
    ];
    equal("the service map", &service_map(&trace), &edges.map(str::to_owned).into())?;
    let llm = trace.spans.iter().find(|span| span.name == "llm.chat").ok_or("there is no llm span")?;
    let bottleneck = the_finding(&trace, Kind::Bottleneck, "llm.chat")?;
    equal("tokens", &(llm.tokens.input > 0 && llm.tokens.output > 0), &true)?;
    let finding = format!("Bottleneck: `{}` {}.", bottleneck.subject, bottleneck.text);
    Ok(Shown { trace, finding })
}

async fn cache_hit(fleet: &Fleet) -> Outcome {
    let question = "Which rules hold for commits?";
    let first = client::ask(fleet, question, &EVERYONE).await?;
    equal("cached at first", &first.answer.as_ref().map(|answer| answer.cached), &Some(false))?;
    let second = client::ask(fleet, question, &["auth", "cache", "gateway", "orchestrator"]).await?;
    equal("cached then", &second.answer.as_ref().map(|answer| answer.cached), &Some(true))?;
    let text = |exchange: &Exchange| exchange.answer.as_ref().map(|answer| answer.answer.clone());
    equal("the answer", &text(&second), &text(&first))?;
    let looked_up = |trace: &TraceView| {
        trace.spans.iter().filter(|span| span.name == "cache.answers.get").map(|span| span.cached).collect::<Vec<_>>()
    };
    equal("lookups", &(looked_up(&first.trace), looked_up(&second.trace)), &(vec![false], vec![true]))?;
    same_tree(
        &second.trace,
        "
POST /chat workflow @gateway
  auth.check tool @gateway
    POST /check workflow @auth
      auth.users.find_by_token tool @auth
  orchestrator.process tool @gateway
    POST /process workflow @orchestrator
      orchestrator.answer agent @orchestrator
        cache.lookup tool @orchestrator
          POST /lookup workflow @cache
            cache.answers.get tool @cache
",
    )?;
    let milliseconds =
        |trace: &TraceView| trace.spans.first().and_then(|root| root.duration_ns).unwrap_or(0) / 1_000_000;
    let finding =
        format!("{} ms without the cache, {} ms with it.", milliseconds(&first.trace), milliseconds(&second.trace));
    Ok(Shown { trace: second.trace, finding })
}

async fn service_failure(fleet: &Fleet) -> Outcome {
    client::break_llm(fleet, Faults { requests: 1, status: Some(500), delay_ms: 0 }).await?;
    let Exchange { status, trace, .. } = client::ask(fleet, "What happens on a failure?", &EVERYONE).await?;
    equal("status", &status, &502)?;
    let path = error_path(&trace);
    let expected = [
        "POST /chat",
        "orchestrator.process",
        "POST /process",
        "orchestrator.answer",
        "rag.generate",
        "POST /generate",
        "llm.chat",
    ];
    equal("the error path", &path, &expected.to_vec())?;
    let origins: Vec<&str> =
        trace.spans.iter().filter(|span| span.error_origin).map(|span| span.name.as_str()).collect();
    equal("where it began", &origins.contains(&"llm.chat"), &true)?;
    let finding = format!("The error began in `llm.chat` and passed {} spans on its way to the user.", path.len() - 1);
    Ok(Shown { trace, finding })
}

async fn timeout(fleet: &Fleet) -> Outcome {
    client::break_llm(fleet, Faults { requests: 1, status: None, delay_ms: 3000 }).await?;
    let Exchange { status, trace, .. } = client::ask(fleet, "How long may a model take?", &EVERYONE).await?;
    equal("status", &status, &504)?;
    equal("the error path's end", &error_path(&trace).last().copied(), &Some("llm.chat"))?;
    let bottleneck = the_finding(&trace, Kind::Bottleneck, "llm.chat")?;
    let given_up = (1_000_000_000..2_900_000_000).contains(&bottleneck.time_ns);
    equal("it was given up after a second", &given_up, &true)?;
    let finding = format!("Bottleneck: `{}` {}.", bottleneck.subject, bottleneck.text);
    Ok(Shown { trace, finding })
}

async fn retry(fleet: &Fleet) -> Outcome {
    client::break_llm(fleet, Faults { requests: 2, status: Some(503), delay_ms: 0 }).await?;
    let Exchange { status, trace, .. } = client::ask(fleet, "What is tried again?", &EVERYONE).await?;
    equal("status", &status, &200)?;
    let attempts: Vec<bool> =
        trace.spans.iter().filter(|span| span.name == "llm.chat").map(|span| span.error.is_none()).collect();
    equal("attempts", &attempts, &vec![false, false, true])?;
    let retries = the_finding(&trace, Kind::Retry, "llm.chat")?;
    // The text of this finding ends where its time follows.
    let finding = format!("Retries: `{}` {} {}.", retries.subject, retries.text, duration_text(retries.time_ns));
    Ok(Shown { trace, finding })
}

async fn parallel(fleet: &Fleet) -> Outcome {
    let question = "What is a span, and what is a trace?";
    let Exchange { status, trace, .. } = client::ask(fleet, question, &EVERYONE).await?;
    equal("status", &status, &200)?;
    let lookups: Vec<&SpanNode> = trace.spans.iter().filter(|span| span.name == "search.passages").collect();
    let [first, second] = lookups[..] else { return Err(format!("expected two lookups:\n{}", outline(&trace)).into()) };
    equal("their parent", &first.parent_index, &second.parent_index)?;
    equal("they overlap", &(second.start_ns < end(first) && first.start_ns < end(second)), &true)?;
    let below = |span: &SpanNode| trace.children(span).map(|child| child.name.clone()).collect::<Vec<_>>();
    equal(
        "what each led to",
        &(below(first), below(second)),
        &(vec!["POST /search".to_owned()], vec!["POST /search".to_owned()]),
    )?;
    Ok(Shown { trace, finding: "Both parts were looked up at the same time.".to_owned() })
}

async fn fire_and_forget(fleet: &Fleet) -> Outcome {
    let Exchange { status, trace, .. } = client::ask(fleet, "Who waits for the cache?", &EVERYONE).await?;
    equal("status", &status, &200)?;
    let root = trace.spans.first().ok_or("there are no spans")?;
    let late: BTreeSet<&str> =
        trace.spans.iter().filter(|span| end(span) > end(root)).map(|span| span.name.as_str()).collect();
    equal("what ended after the answer", &late, &["cache.store", "POST /store", "cache.answers.put"].into())?;
    Ok(Shown { trace, finding: "The cache was written after the user had the answer, in the same trace.".to_owned() })
}

async fn load(fleet: &Fleet) -> Outcome {
    let started = Instant::now();
    let asked = stream::iter(0..REQUESTS).map(|number| async move {
        let began = Instant::now();
        let (status, body) = client::send(fleet, &format!("How are spans delivered, case {number}?")).await?;
        equal("status", &status, &200)?;
        let answer: Answer = serde_json::from_str(&body)?;
        let id = answer.trace_id.ok_or("the answer names no trace")?.parse()?;
        Ok::<_, Box<dyn Error>>((id, began.elapsed()))
    });
    let answered: Vec<_> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    let took = started.elapsed();
    let mut shown = None;
    for (id, _) in &answered {
        let trace = fleet.console.completed(*id, &EVERYONE).await?;
        equal("spans of a trace", &trace.spans.len(), &SPANS)?;
        equal("errors", &trace.summary.error_count, &0)?;
        shown = Some(trace);
    }
    let mut times: Vec<_> = answered.iter().map(|(_, time)| time.as_millis()).collect();
    times.sort_unstable();
    let finding = format!(
        "{REQUESTS} requests in {:.1} s, {AT_ONCE} at once: half within {} ms, all within {} ms; {} spans, none lost.",
        took.as_secs_f64(),
        times[times.len() / 2],
        times[times.len() - 1],
        REQUESTS * SPANS
    );
    Ok(Shown { trace: shown.ok_or("nothing was asked")?, finding })
}

/// The console's finding of that kind about that span.
fn the_finding(trace: &TraceView, kind: Kind, subject: &str) -> Result<Finding, Box<dyn Error>> {
    let all = found(trace, kind);
    let named = all.iter().find(|finding| finding.subject == subject).cloned();
    named.ok_or_else(|| format!("expected a finding ({}) about `{subject}`, found {all:?}", kind.title()).into())
}

fn same_tree(trace: &TraceView, expected: &str) -> Result<(), Box<dyn Error>> {
    let found = outline(trace);
    if found.trim() == expected.trim() { Ok(()) } else { Err(format!("expected{expected}found\n{found}").into()) }
}

fn equal<T: PartialEq + fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), Box<dyn Error>> {
    if found == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}").into()) }
}
