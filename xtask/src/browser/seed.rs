//! Traces to look at: a service of several processes with an error in a far corner, an agent with tools, a conversation.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// One span while it is being described; times in milliseconds since the trace began.
pub(crate) struct Span {
    value: Value,
    at: f64,
    took: Option<f64>,
    children: Vec<Span>,
}

thread_local! {
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// A UUID version 4 that no other has.
pub(crate) fn uuid() -> String {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let count = DRAWN.with(|drawn| drawn.replace(drawn.get() + 1));
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let (high, low) = (mix(seed ^ count << 40), mix(seed.rotate_left(17) ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

/// Milliseconds since the epoch.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// The wire's form of a moment.
pub(crate) fn iso(ms: f64) -> String {
    let micros = (ms * 1000.0) as i64;
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    // Days to a date of the civil calendar, counted in eras of 400 years that begin in March.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let second = rest / 1_000_000;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        rest % 1_000_000
    )
}

impl Span {
    /// A span of that type which took `took` milliseconds.
    pub(crate) fn new(kind: &str, name: &str, at: f64, took: f64) -> Span {
        Span {
            value: json!({"type": kind, "name": name, "id": uuid(), "user_metadata": {}, "tags": []}),
            at,
            took: Some(took),
            children: Vec::new(),
        }
    }

    /// It has not ended.
    pub(crate) fn open(mut self) -> Span {
        self.took = None;
        self
    }

    /// It is the first span of that service.
    pub(crate) fn service(self, name: &str) -> Span {
        self.meta("service.name", name).meta("deployment.environment", "demo")
    }

    /// One more pair of metadata.
    pub(crate) fn meta(mut self, key: &str, value: &str) -> Span {
        self.value["user_metadata"][key] = value.into();
        self
    }

    /// One more tag.
    pub(crate) fn tag(mut self, tag: &str) -> Span {
        if let Some(tags) = self.value["tags"].as_array_mut() {
            tags.push(tag.into());
        }
        self
    }

    /// Any field of the wire.
    pub(crate) fn field(mut self, key: &str, value: Value) -> Span {
        self.value[key] = value;
        self
    }

    /// What went in and came out.
    pub(crate) fn io(self, input: Value, output: Value) -> Span {
        self.field("input", input).field("output", output)
    }

    /// It failed, here or further down.
    pub(crate) fn failed(self, text: &str, origin: bool) -> Span {
        let span = self.field("status_code", 500.into()).tag(&format!("error={text}")).tag("outcome=error");
        if origin { span.tag("error.origin=true") } else { span }
    }

    /// A model's usage.
    pub(crate) fn usage(self, model: &str, input: u64, output: u64) -> Span {
        let metrics = json!({"num_input_tokens": input, "num_output_tokens": output, "num_total_tokens": input + output, "time_to_first_token_ns": 84_000_000});
        self.field("model", model.into())
            .field("temperature", json!(0.2))
            .field("finish_reason", "stop".into())
            .field("metrics", metrics)
    }

    /// Spans under it.
    pub(crate) fn with(mut self, children: impl IntoIterator<Item = Span>) -> Span {
        self.children.extend(children);
        self
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        self.value["id"].as_str().unwrap_or_default().to_owned()
    }

    /// As the wire has it, for a trace that began at `start`.
    pub(crate) fn wire(&self, start: f64) -> Value {
        let mut value = self.value.clone();
        value["created_at"] = iso(start + self.at).into();
        if let Some(took) = self.took {
            value["metrics"]["duration_ns"] = ((took * 1e6) as i64).into();
        }
        if !matches!(value["type"].as_str(), Some("llm" | "control")) {
            value["spans"] = self.children.iter().map(|child| child.wire(start)).collect();
        }
        value
    }
}

/// A trace that holds the spans; its name, input and output are those of the first.
pub(crate) fn trace(start: f64, spans: &[Span]) -> (String, Value) {
    let id = uuid();
    let first = spans.first().map(|span| span.value.clone()).unwrap_or_default();
    let took = spans.iter().filter_map(|span| Some(span.at + span.took?)).fold(0.0, f64::max);
    let text = |field: &str| first[field].as_str().map_or_else(|| first[field].to_string(), str::to_owned);
    let trace = json!({
        "type": "trace", "id": id, "name": first["name"], "created_at": iso(start), "input": text("input"), "output": text("output"),
        "metrics": {"duration_ns": (took * 1e6) as i64}, "user_metadata": {}, "tags": [],
        "spans": spans.iter().map(|span| span.wire(start)).collect::<Vec<_>>(),
    });
    (id, trace)
}

fn args(value: Value) -> Value {
    value.to_string().into()
}

fn documents() -> Value {
    json!([
        {"content": "On 7 January 1610 Galileo pointed his twenty-power telescope at Jupiter and saw three small stars close to it, all in a line.", "metadata": {"source": "sidereus-nuncius.md", "score": 0.9127, "section": "The Medicean stars"}},
        {"content": "By 15 January he had found a fourth. They changed places from night to night but never left the planet: they were moons.", "metadata": {"source": "sidereus-nuncius.md", "score": 0.8841, "section": "The Medicean stars"}},
        {"content": "He drew the terminator of the Moon and concluded from its shadows that there are mountains on it, some higher than four miles.", "metadata": {"source": "moon.md", "score": 0.4312, "page": 14}}
    ])
}

const QUESTION: &str = "What did Galileo observe in 1610?";
const ANSWER: &str = "In January 1610 Galileo observed four bodies that move around Jupiter, which showed that not everything circles the Earth. He also saw mountains on the Moon and far more stars in the Milky Way than the naked eye shows.";

fn messages() -> Value {
    json!([
        {"role": "system", "content": "Answer from the passages only. When they do not hold the answer, say so."},
        {"role": "user", "content": format!("Passages:\n1. On 7 January 1610 Galileo pointed his twenty-power telescope at Jupiter …\n2. By 15 January he had found a fourth …\n\nQuestion: {QUESTION}")}
    ])
}

/// Gateway, orchestrator, auth, search with a vector store that times out once, RAG, model, cache.
pub(crate) fn ask(scale: f64, failing: bool) -> Vec<Span> {
    let t = |ms: f64| ms * scale;
    let query = || args(json!({"query": QUESTION, "top_k": 3}));
    let slow = |at: f64| {
        let span = Span::new("tool", "vector_db.query", t(at), t(64.0)).service("vector-db").io(query(), Value::Null);
        span.failed("deadline of 60 ms exceeded at vector-db:6333, shard 2 did not answer", true)
            .meta("retry.attempt", "1")
    };
    let good = Span::new("tool", "vector_db.query", t(128.0), t(38.0))
        .service("vector-db")
        .io(query(), args(json!({"ids": [17, 4, 221], "took_ms": 36})));
    let mut search = Span::new("retriever", "search.query", t(58.0), t(116.0))
        .service("search")
        .io(QUESTION.into(), documents())
        .with([slow(60.0)]);
    if failing {
        search = search.failed("vector store unavailable", false).field("output", json!([]));
    } else {
        search = search.with([good.meta("retry.attempt", "2")]);
    }
    let model = Span::new("llm", "chat gpt-4o", t(226.0), t(182.0))
        .io(messages(), json!({"role": "assistant", "content": ANSWER}))
        .usage("gpt-4o", 812, 64);
    let rag = Span::new("workflow", "rag.generate", t(182.0), t(248.0))
        .service("rag")
        .io(args(json!({"question": QUESTION, "passages": 3})), ANSWER.into())
        .with([
            Span::new("tool", "prepare_context", t(184.0), t(38.0))
                .io(args(json!({"passages": 3, "budget": 4000})), "1,204 tokens in 3 passages".into()),
            model,
        ]);
    let mut process = Span::new("agent", "orchestrator.process", t(8.0), t(484.0))
        .service("orchestrator")
        .io(args(json!({"question": QUESTION, "user": "u-1042"})), ANSWER.into())
        .with([
            Span::new("tool", "cache.read", t(10.0), t(6.0)).io(args(json!({"key": "answer:8f21"})), "miss".into()),
            Span::new("tool", "auth.check", t(18.0), t(22.0))
                .service("auth")
                .io(args(json!({"user": "u-1042", "scope": "ask"})), "allowed".into()),
            search,
        ]);
    process = if failing {
        process.failed("vector store unavailable", false).field("output", Value::Null)
    } else {
        process.with([
            rag,
            Span::new("tool", "cache.write", t(438.0), t(30.0))
                .io(args(json!({"key": "answer:8f21", "ttl": 3600})), "stored".into()),
        ])
    };
    let mut root = Span::new("workflow", "POST /ask", 0.0, t(500.0))
        .service("gateway")
        .io(QUESTION.into(), ANSWER.into())
        .tag("tier:gold")
        .meta("http.route", "/ask");
    if failing {
        root = root
            .failed("502 from orchestrator", false)
            .field("output", "The search is not available, try again.".into());
    }
    vec![root.with([process])]
}

/// An agent that calls tools until it knows.
pub(crate) fn agent() -> Vec<Span> {
    let call = |name: &str, arguments: Value| json!({"role": "assistant", "content": "", "tool_calls": [{"id": format!("call_{name}"), "function": {"name": name, "arguments": arguments.to_string()}}]});
    let user = json!({"role": "user", "content": "How far from Jupiter is Callisto, in Earth radii?"});
    let first = call("lookup", json!({"body": "Callisto", "field": "semi_major_axis_km"}));
    let found = json!({"role": "tool", "tool_call_id": "call_lookup", "content": "{\"body\": \"Callisto\", \"semi_major_axis_km\": 1882709, \"source\": \"ephemeris\"}"});
    let tools = json!([{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object", "properties": {"body": {"type": "string"}, "field": {"type": "string"}}}}}]);
    vec![Span::new("agent", "astronomer", 0.0, 2140.0).service("agent").field("agent_type", "react".into()).io("How far from Jupiter is Callisto, in Earth radii?".into(), "About 295 Earth radii.".into()).with([
        Span::new("llm", "plan", 12.0, 640.0).io(json!([user]), first.clone()).usage("claude-sonnet-4-5", 412, 38).field("tools", tools),
        Span::new("tool", "lookup", 660.0, 210.0).service("ephemeris").field("tool_call_id", "call_lookup".into()).io(args(json!({"body": "Callisto", "field": "semi_major_axis_km"})), args(json!({"body": "Callisto", "semi_major_axis_km": 1_882_709}))),
        Span::new("tool", "lookup", 872.0, 204.0).service("ephemeris").io(args(json!({"body": "Earth", "field": "radius_km"})), args(json!({"body": "Earth", "radius_km": 6378.137}))).tag("cache.hit=true"),
        Span::new("control", "output guard", 1090.0, 18.0).io("About 295 Earth radii.".into(), json!({"action": "observe", "matched": false, "confidence": 0.02})),
        Span::new("llm", "answer", 1112.0, 1010.0).io(json!([user, first, found]), json!({"role": "assistant", "content": "Callisto's orbit has a semi-major axis of 1,882,709 km. Divided by the Earth's radius of 6,378 km that is about **295 Earth radii**."})).usage("claude-sonnet-4-5", 586, 112),
    ])]
}

/// Many spans: a root, and as many batches as asked for with nine calls each.
pub(crate) fn many(wide: usize) -> Vec<Span> {
    let root = Span::new("workflow", "reindex the library", 0.0, wide as f64 * 4.0).service("indexer");
    vec![root.io("all".into(), "done".into()).with(batches(0..wide))]
}

/// Some of those batches.
pub(crate) fn batches(range: std::ops::Range<usize>) -> Vec<Span> {
    let services = ["indexer", "embedder", "store", "gateway"];
    let batch = |batch: usize| {
        let at = batch as f64 * 4.0;
        let calls = (0..9).map(|call| {
            let kind = ["tool", "retriever", "workflow"][call % 3];
            Span::new(kind, &format!("chunk {batch}.{call}"), at + call as f64 * 0.4, 0.4)
        });
        Span::new("workflow", &format!("batch {batch}"), at, 4.0).service(services[batch % 4]).with(calls)
    };
    range.map(batch).collect()
}
