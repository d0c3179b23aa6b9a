//! Which spans of others become which Galileo spans, and what their fields mean there. Two tables; another crate is another row.

use super::Origin;
use super::fields::Fields;
use crate::model::SpanType;

/// Which spans of another tracing system become Galileo spans of one type. All conditions that are set must hold.
///
/// ```
/// # #[cfg(feature = "tracing")] {
/// use galileo::SpanType;
/// use galileo::tracing_layer::{GalileoLayer, Rule};
///
/// // Spans of one's own vector store: `info_span!(target: "store", "lookup", index = ..)`.
/// let layer = GalileoLayer::new().rule(Rule::new(SpanType::Retriever).target("store").named("lookup").name_from("index"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    target: Option<&'static str>,
    name: Option<&'static str>,
    field: Option<(&'static str, Option<&'static str>)>,
    name_from: Option<&'static str>,
    span_type: SpanType,
}

impl Rule {
    /// Spans that become Galileo spans of this type; without a condition, all of them.
    pub const fn new(span_type: SpanType) -> Self {
        Self { target: None, name: None, field: None, name_from: None, span_type }
    }

    /// Only spans of this target, or of a module below it.
    #[must_use]
    pub const fn target(mut self, target: &'static str) -> Self {
        self.target = Some(target);
        self
    }

    /// Only spans of this name.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Only spans that have this field, with or without a value.
    #[must_use]
    pub const fn with_field(mut self, field: &'static str) -> Self {
        self.field = Some((field, None));
        self
    }

    /// Only spans whose field has this value when they are made; upper and lower case are the same.
    #[must_use]
    pub const fn with_value(mut self, field: &'static str, value: &'static str) -> Self {
        self.field = Some((field, Some(value)));
        self
    }

    /// The Galileo span is named by this field, if it has a value.
    #[must_use]
    pub const fn name_from(mut self, field: &'static str) -> Self {
        self.name_from = Some(field);
        self
    }

    pub(in crate::bridge) fn span_type(&self) -> SpanType {
        self.span_type
    }

    pub(in crate::bridge) fn name_field(&self) -> Option<&'static str> {
        self.name_from
    }

    /// What can be told of every span of a callsite; cheap, and decides for nearly all spans of a program.
    pub(in crate::bridge) fn may_match(&self, origin: Origin<'_>, has: impl Fn(&str) -> bool) -> bool {
        let below = |target: &str| {
            origin.target.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        self.target.is_none_or(below)
            && self.name.is_none_or(|name| origin.name == name)
            && self.field.is_none_or(|(field, _)| has(field))
    }

    /// The rest, once [`may_match`](Self::may_match) has said yes.
    pub(in crate::bridge) fn matches(&self, fields: &Fields) -> bool {
        match self.field {
            Some((field, Some(value))) => fields.text(field).is_some_and(|text| text.eq_ignore_ascii_case(value)),
            _ => true,
        }
    }
}

/// The built-in rules; the first that matches decides.
pub(in crate::bridge) const RULES: &[Rule] = &[
    // Our own name for it, for a program that wants to say it outright.
    Rule::new(SpanType::Workflow).with_value("galileo.span.type", "workflow"),
    Rule::new(SpanType::Agent).with_value("galileo.span.type", "agent"),
    Rule::new(SpanType::Llm).with_value("galileo.span.type", "llm"),
    Rule::new(SpanType::Retriever).with_value("galileo.span.type", "retriever"),
    Rule::new(SpanType::Tool).with_value("galileo.span.type", "tool"),
    Rule::new(SpanType::Control).with_value("galileo.span.type", "control"),
    // OpenTelemetry's operations: rig, genai and whoever follows the conventions.
    Rule::new(SpanType::Llm).with_value("gen_ai.operation.name", "chat"),
    Rule::new(SpanType::Llm).with_value("gen_ai.operation.name", "text_completion"),
    Rule::new(SpanType::Llm).with_value("gen_ai.operation.name", "generate_content"),
    Rule::new(SpanType::Llm).with_value("gen_ai.operation.name", "embeddings"),
    Rule::new(SpanType::Llm).with_value("gen_ai.operation.name", "image_generation"),
    Rule::new(SpanType::Llm).with_value("gen_ai.operation.name", "audio_generation"),
    Rule::new(SpanType::Llm).with_value("gen_ai.operation.name", "transcription"),
    Rule::new(SpanType::Retriever).with_value("gen_ai.operation.name", "retrieval"),
    Rule::new(SpanType::Retriever).with_value("gen_ai.operation.name", "rerank"),
    Rule::new(SpanType::Tool).with_value("gen_ai.operation.name", "execute_tool").name_from("gen_ai.tool.name"),
    Rule::new(SpanType::Agent).with_value("gen_ai.operation.name", "invoke_agent").name_from("gen_ai.agent.name"),
    Rule::new(SpanType::Agent).with_value("gen_ai.operation.name", "create_agent").name_from("gen_ai.agent.name"),
    Rule::new(SpanType::Workflow)
        .with_value("gen_ai.operation.name", "invoke_workflow")
        .name_from("gen_ai.workflow.name"),
    Rule::new(SpanType::Workflow).with_value("gen_ai.operation.name", "plan"),
    // OpenInference's kinds.
    Rule::new(SpanType::Llm).with_value("openinference.span.kind", "llm"),
    Rule::new(SpanType::Llm).with_value("openinference.span.kind", "embedding"),
    Rule::new(SpanType::Workflow).with_value("openinference.span.kind", "chain"),
    Rule::new(SpanType::Workflow).with_value("openinference.span.kind", "evaluator"),
    Rule::new(SpanType::Workflow).with_value("openinference.span.kind", "prompt"),
    Rule::new(SpanType::Retriever).with_value("openinference.span.kind", "retriever"),
    Rule::new(SpanType::Retriever).with_value("openinference.span.kind", "reranker"),
    Rule::new(SpanType::Tool).with_value("openinference.span.kind", "tool").name_from("tool.name"),
    Rule::new(SpanType::Agent).with_value("openinference.span.kind", "agent").name_from("agent.name"),
    Rule::new(SpanType::Control).with_value("openinference.span.kind", "guardrail"),
    // LangSmith's kinds.
    Rule::new(SpanType::Llm).with_value("langsmith.span.kind", "llm"),
    Rule::new(SpanType::Llm).with_value("langsmith.span.kind", "embedding"),
    Rule::new(SpanType::Workflow).with_value("langsmith.span.kind", "chain"),
    Rule::new(SpanType::Workflow).with_value("langsmith.span.kind", "prompt"),
    Rule::new(SpanType::Workflow).with_value("langsmith.span.kind", "parser"),
    Rule::new(SpanType::Retriever).with_value("langsmith.span.kind", "retriever"),
    Rule::new(SpanType::Tool).with_value("langsmith.span.kind", "tool"),
    // langchain-rust has names of its own.
    Rule::new(SpanType::Llm).target("langchain_rust").named("llm.generate"),
    Rule::new(SpanType::Llm).target("langchain_rust").named("embed.documents"),
    Rule::new(SpanType::Llm).target("langchain_rust").named("embed.query"),
    Rule::new(SpanType::Workflow).target("langchain_rust").named("chain.call").name_from("chain"),
    Rule::new(SpanType::Agent).target("langchain_rust").named("agent.run"),
    Rule::new(SpanType::Workflow).target("langchain_rust").named("agent.plan"),
    Rule::new(SpanType::Tool).target("langchain_rust").named("tool.call").name_from("tool"),
    // A model is named and nothing else is said.
    Rule::new(SpanType::Llm).with_field("gen_ai.request.model"),
    Rule::new(SpanType::Llm).with_field("llm.model_name"),
];

/// What a field of a `tracing` span, or an attribute of an OpenTelemetry one, means for its Galileo span. A field without a row becomes metadata of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning {
    /// The span's name.
    Name,
    /// The model.
    Model,
    /// The sampling temperature.
    Temperature,
    /// A figure of the metrics, by its name on the wire, such as `num_input_tokens`.
    Metric(&'static str),
    /// A number of seconds until the first piece of the answer.
    SecondsToFirstToken,
    /// Why the model stopped; a list counts with its first entry.
    FinishReason,
    /// The system text, which goes before the input messages.
    System,
    /// The input, text or JSON.
    Input,
    /// The output, text or JSON.
    Output,
    /// The tools offered to a model.
    Tools,
    /// The id of a tool call.
    ToolCallId,
    /// The session.
    Session,
    /// Tags, separated by commas or as a JSON list.
    Tags,
    /// Any value means that the span failed; it is the error's text.
    Error,
    /// Any value means that the span failed; it is the error's type.
    ErrorType,
    /// `error` means that the span failed.
    Status,
    /// Metadata under another name.
    Metadata(&'static str),
    /// Nothing.
    Ignored,
}

/// The built-in meanings.
pub(super) const MEANINGS: &[(&str, Meaning)] = &[
    ("otel.name", Meaning::Name),
    ("otel.kind", Meaning::Ignored),
    ("otel.status_code", Meaning::Status),
    ("otel.status_message", Meaning::Error),
    ("otel.status_description", Meaning::Error),
    ("error.type", Meaning::ErrorType),
    ("error.message", Meaning::Error),
    ("exception.message", Meaning::Error),
    ("exception.type", Meaning::ErrorType),
    ("galileo.span.type", Meaning::Ignored),
    ("gen_ai.operation.name", Meaning::Ignored),
    ("gen_ai.request.model", Meaning::Model),
    ("gen_ai.request.temperature", Meaning::Temperature),
    ("gen_ai.response.finish_reasons", Meaning::FinishReason),
    ("gen_ai.response.time_to_first_chunk", Meaning::SecondsToFirstToken),
    ("gen_ai.usage.input_tokens", Meaning::Metric("num_input_tokens")),
    ("gen_ai.usage.output_tokens", Meaning::Metric("num_output_tokens")),
    ("gen_ai.usage.prompt_tokens", Meaning::Metric("num_input_tokens")),
    ("gen_ai.usage.completion_tokens", Meaning::Metric("num_output_tokens")),
    ("gen_ai.usage.total_tokens", Meaning::Metric("num_total_tokens")),
    ("gen_ai.usage.cache_read.input_tokens", Meaning::Metric("num_cached_input_tokens")),
    ("gen_ai.usage.cache_creation.input_tokens", Meaning::Metric("num_cache_write_input_tokens")),
    ("gen_ai.usage.reasoning.output_tokens", Meaning::Metric("num_reasoning_tokens")),
    ("gen_ai.usage.reasoning_tokens", Meaning::Metric("num_reasoning_tokens")),
    ("gen_ai.system_instructions", Meaning::System),
    ("gen_ai.input.messages", Meaning::Input),
    ("gen_ai.output.messages", Meaning::Output),
    ("gen_ai.prompt", Meaning::Input),
    ("gen_ai.completion", Meaning::Output),
    ("gen_ai.tool.definitions", Meaning::Tools),
    ("gen_ai.tool.name", Meaning::Ignored),
    ("gen_ai.tool.call.id", Meaning::ToolCallId),
    ("gen_ai.tool.call.arguments", Meaning::Input),
    ("gen_ai.tool.call.result", Meaning::Output),
    ("gen_ai.retrieval.query.text", Meaning::Input),
    ("gen_ai.retrieval.documents", Meaning::Output),
    ("gen_ai.conversation.id", Meaning::Session),
    ("openinference.span.kind", Meaning::Ignored),
    ("input.value", Meaning::Input),
    ("input.mime_type", Meaning::Ignored),
    ("output.value", Meaning::Output),
    ("output.mime_type", Meaning::Ignored),
    ("llm.model_name", Meaning::Model),
    ("llm.provider", Meaning::Metadata("gen_ai.provider.name")),
    ("llm.input_messages", Meaning::Input),
    ("llm.output_messages", Meaning::Output),
    ("llm.tools", Meaning::Tools),
    ("llm.finish_reason", Meaning::FinishReason),
    ("llm.token_count.prompt", Meaning::Metric("num_input_tokens")),
    ("llm.token_count.completion", Meaning::Metric("num_output_tokens")),
    ("llm.token_count.total", Meaning::Metric("num_total_tokens")),
    ("llm.token_count.prompt_details.cache_read", Meaning::Metric("num_cached_input_tokens")),
    ("llm.token_count.prompt_details.cache_write", Meaning::Metric("num_cache_write_input_tokens")),
    ("llm.token_count.completion_details.reasoning", Meaning::Metric("num_reasoning_tokens")),
    ("retrieval.documents", Meaning::Output),
    ("tool.name", Meaning::Ignored),
    ("tool.id", Meaning::ToolCallId),
    ("agent.name", Meaning::Ignored),
    ("session.id", Meaning::Session),
    ("tag.tags", Meaning::Tags),
    ("langsmith.span.kind", Meaning::Ignored),
    ("langsmith.span.tags", Meaning::Tags),
    ("langsmith.trace.session_id", Meaning::Session),
];

/// langchain-rust's fields, which are too common as words to mean the same everywhere.
pub(super) const LANGCHAIN: &[(&str, Meaning)] = &[
    ("provider", Meaning::Metadata("gen_ai.provider.name")),
    ("model", Meaning::Model),
    ("stream", Meaning::Metadata("gen_ai.request.stream")),
    ("prompt_tokens", Meaning::Metric("num_input_tokens")),
    ("completion_tokens", Meaning::Metric("num_output_tokens")),
    ("total_tokens", Meaning::Metric("num_total_tokens")),
    ("error", Meaning::Error),
    ("tool", Meaning::Ignored),
    ("chain", Meaning::Ignored),
];
