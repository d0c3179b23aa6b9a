//! Agent to agent: the trace travels in a message's `metadata.galileo_observe`, in the shape that the Python SDK's A2A package uses.

use crate::context::{Context, Rare};
use crate::model::Session;
use crate::span::Span;
use serde_json::{Map, Value};

/// Where the reference keeps its object.
const KEY: &str = "galileo_observe";
/// The same object as AGNTCY's SDK writes it; read only.
const OTHER_KEY: &str = "observe";

/// Names the running span in the metadata of a message that `agent_name` is about to send. Without a trace nothing is added.
///
/// ```
/// let mut metadata = serde_json::Map::new();
/// galileo::middleware::a2a::inject(&mut metadata, "planner");
/// assert!(metadata.is_empty(), "no trace runs here");
/// ```
pub fn inject(metadata: &mut Map<String, Value>, agent_name: &str) {
    let mut object = Map::new();
    Context::running().inject(&mut object);
    let Some(traceparent) = object.get("traceparent").and_then(Value::as_str).map(str::to_owned) else { return };
    // The ids once more, by the names that the reference reads.
    let mut ids = traceparent.split('-').skip(1);
    if let (Some(trace), Some(span)) = (ids.next(), ids.next()) {
        object.insert("agent_trace_id".to_owned(), trace.into());
        object.insert("agent_span_id".to_owned(), span.into());
    }
    object.insert("agent_name".to_owned(), agent_name.into());
    metadata.insert(KEY.to_owned(), Value::Object(object));
}

/// A message that another agent sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// The context in which the message is handled: the sender's trace, and the A2A context as its session.
    pub context: Context,
    /// The name of the sender.
    pub from_agent: Option<String>,
}

/// Reads the metadata of a message. `context_id` is the message's `contextId`, which becomes the session.
///
/// ```
/// let metadata = serde_json::json!({"galileo_observe": {
///     "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "agent_name": "planner"}});
/// let received = galileo::middleware::a2a::extract(metadata.as_object(), Some("conversation 7"));
/// assert!(received.context.trace_id().is_some());
/// assert_eq!(received.from_agent.as_deref(), Some("planner"));
/// ```
#[must_use]
pub fn extract(metadata: Option<&Map<String, Value>>, context_id: Option<&str>) -> Received {
    let object =
        metadata.and_then(|metadata| metadata.get(KEY).or_else(|| metadata.get(OTHER_KEY))).and_then(Value::as_object);
    let mut context = object.map_or_else(Context::root, |object| Context::extract(object));
    if let Some(id) = context_id {
        let rare = Rare { session: Some(Session::external(id)), ..context.rare().cloned().unwrap_or_default() };
        context = context.with_rare(rare);
    }
    let from_agent = object.and_then(|object| object.get("agent_name")).and_then(Value::as_str).map(str::to_owned);
    Received { context, from_agent }
}

impl Received {
    /// An agent span for the handling of the message, with the link to the agent that handed it over.
    ///
    /// Run it in the received context: `handle(message).in_span(received.span("search")).in_context(received.context)`.
    pub fn span(&self, agent_name: &str) -> Span {
        let span = Span::agent(agent_name);
        match &self.from_agent {
            Some(from) => span.metadata("link.type", "agent_handoff").metadata("link.from_agent", from),
            None => span,
        }
    }
}

/// Whether a task's final state is an error: `failed`, `rejected` or `canceled`, by A2A's names.
///
/// ```
/// use galileo::middleware::a2a::is_failure;
/// assert!(is_failure("TASK_STATE_REJECTED") && is_failure("failed") && !is_failure("completed"));
/// ```
#[must_use]
pub fn is_failure(task_state: &str) -> bool {
    let state = task_state.to_ascii_lowercase();
    matches!(state.strip_prefix("task_state_").unwrap_or(&state), "failed" | "rejected" | "canceled" | "cancelled")
}
