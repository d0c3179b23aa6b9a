//! The table of keys: the one place that knows their names, their forms and where they belong.

use syn::Ident;

/// The span types that an attribute may name; `control` spans are made by guards, not by functions.
pub(crate) const SPAN_TYPES: [&str; 5] = ["workflow", "agent", "llm", "retriever", "tool"];

macro_rules! keys {
    ($($key:ident $name:literal, $example:literal, $only:expr;)+) => {
        /// A key of the attribute.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Key {
            $($key,)+
        }

        impl Key {
            pub(crate) const ALL: &'static [Key] = &[$(Key::$key),+];

            /// The name as it is written.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Key::$key => $name,)+ }
            }

            /// How it is written, for messages.
            pub(crate) fn example(self) -> &'static str {
                match self { $(Key::$key => $example,)+ }
            }

            /// The span types that it belongs to; empty for all.
            pub(crate) fn only_on(self) -> &'static [&'static str] {
                match self { $(Key::$key => &$only,)+ }
            }
        }
    };
}

keys! {
    Name "name", "name = \"search {index}\"", [];
    SpanType "span_type", "span_type = \"tool\"", [];
    Tags "tags", "tags = [\"rag\", region]", [];
    Metadata "metadata", "metadata(region = region, tries = 3)", [];
    Input "input", "input = query.trim()", [];
    Output "output", "output = |result| expression", [];
    Skip "skip", "skip(client, connection)", [];
    SkipAll "skip_all", "skip_all", [];
    SkipOutput "skip_output", "skip_output", [];
    Capture "capture", "capture(self)", [];
    Redact "redact", "redact(email)", [];
    CaptureAs "capture_as", "capture_as(request = Debug)", [];
    Err "err", "err = Display", [];
    StatusCode "status_code", "status_code = |result| expression", [];
    Parent "parent", "parent = context", [];
    Session "session", "session = session_id", [];
    Model "model", "model = \"gpt-4o\"", ["llm"];
    Temperature "temperature", "temperature = 0.2", ["llm"];
    Tools "tools", "tools = tools", ["llm"];
    Usage "usage", "usage = |result| expression", ["llm"];
    AgentType "agent_type", "agent_type = \"planner\"", ["agent"];
    ToolCallId "tool_call_id", "tool_call_id = call.id", ["tool"];
    CacheHit "cache_hit", "cache_hit = |result| expression", [];
    Crate "crate", "crate = path::to::galileo", [];
}

/// What users of other tracing attributes write, and what it is called here.
const ELSEWHERE: [(&str, Key); 18] = [
    ("type", Key::SpanType),
    ("kind", Key::SpanType),
    ("run_type", Key::SpanType),
    ("as_type", Key::SpanType),
    ("fields", Key::Metadata),
    ("properties", Key::Metadata),
    ("attributes", Key::Metadata),
    ("ret", Key::Output),
    ("result", Key::Output),
    ("inputs", Key::Input),
    ("args", Key::Input),
    ("params", Key::Input),
    ("error", Key::Err),
    ("status", Key::StatusCode),
    ("session_id", Key::Session),
    ("skip_args", Key::SkipAll),
    ("hide", Key::Redact),
    ("model_name", Key::Model),
];

impl Key {
    /// The key of this name, or what to say about the name.
    pub(crate) fn lookup(ident: &Ident) -> Result<Self, String> {
        let written = ident.to_string();
        let written = written.strip_prefix("r#").unwrap_or(&written);
        if let Some(key) = Self::ALL.iter().find(|key| key.name() == written) {
            return Ok(*key);
        }
        let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == written).map(|(_, key)| key.name());
        let meant = elsewhere.or_else(|| super::nearest(written, Self::ALL.iter().map(|key| key.name())));
        Err(match meant {
            Some(name) => format!("unknown key `{written}`; did you mean `{name}`?"),
            None => {
                let all: Vec<_> = Self::ALL.iter().map(|key| key.name()).collect();
                format!("unknown key `{written}`; the keys are {}", all.join(", "))
            }
        })
    }
}
