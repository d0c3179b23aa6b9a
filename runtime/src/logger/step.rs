//! What is said about one step.

use crate::capture::{REDACTED, Value, is_secret_name};
use crate::model::{Field, Outcome, Parts, SpanType, clock};
use crate::span;
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a [`Logger`](super::Logger) records of a step; text alone is its input, or its output where a step is concluded.
///
/// Values are captured here and now, cut at the limit, and only when somebody records.
#[derive(Clone, Debug, Default)]
pub struct Step {
    name: Option<String>,
    /// Text whose meaning the operation decides: input when a step begins, output when it is concluded.
    text: Option<String>,
    output: Option<String>,
    /// Parts of the beginning.
    start: Vec<u8>,
    /// Parts of the end.
    end: Vec<u8>,
    has_output: bool,
    status: Option<u16>,
    error: bool,
    started_at: Option<SystemTime>,
    duration: Option<Duration>,
}

impl Step {
    /// A step with a name; without one the name is the step's type.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }

    /// Text as the input.
    #[must_use]
    pub fn input(self, text: &str) -> Self {
        self.start_value(Field::Input, "", Value::Text(text))
    }

    /// Any value as the input, as JSON: messages of an llm call, arguments of a tool.
    #[must_use]
    pub fn input_json<T: Serialize>(self, value: &T) -> Self {
        self.start_value(Field::Input, "", Value::Json(value))
    }

    /// Text as the output.
    #[must_use]
    pub fn output(mut self, text: &str) -> Self {
        self.output = Some(text.to_owned());
        self.has_output = true;
        self.end_value(Field::Output, "", Value::Text(text))
    }

    /// Any value as the output, as JSON: documents of a retriever, the message of an llm call.
    #[must_use]
    pub fn output_json<T: Serialize>(mut self, value: &T) -> Self {
        self.has_output = true;
        self.end_value(Field::Output, "", Value::Json(value))
    }

    /// What readers without rights to the original may see of the input.
    #[must_use]
    pub fn redacted_input(self, text: &str) -> Self {
        self.start_value(Field::RedactedInput, "", Value::Text(text))
    }

    /// What readers without rights to the original may see of the output.
    #[must_use]
    pub fn redacted_output(self, text: &str) -> Self {
        self.end_value(Field::RedactedOutput, "", Value::Text(text))
    }

    /// A tag.
    #[must_use]
    pub fn tag(self, tag: &str) -> Self {
        self.start_value(Field::Tag, "", Value::Text(tag))
    }

    /// A metadata entry.
    #[must_use]
    pub fn metadata(self, key: &str, value: &str) -> Self {
        let value = if is_secret_name(key) { REDACTED } else { value };
        self.start_value(Field::Metadata, key, Value::Text(value))
    }

    /// The step failed with this text.
    #[must_use]
    pub fn error(mut self, text: &str) -> Self {
        self.error = true;
        self.end_value(Field::Error, "", Value::Text(text))
    }

    /// A status code; 400 and above count as an error.
    #[must_use]
    pub fn status_code(mut self, code: u16) -> Self {
        self.status = Some(code);
        self.end_value(Field::StatusCode, "", Value::UInt(code.into()))
    }

    /// When it began, for a step that is recorded later.
    #[must_use]
    pub fn started_at(mut self, time: SystemTime) -> Self {
        self.started_at = Some(time);
        self
    }

    /// How long it took; a step that is recorded whole began this long ago unless told otherwise.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// The model (llm).
    #[must_use]
    pub fn model(self, name: &str) -> Self {
        self.start_value(Field::Model, "", Value::Text(name))
    }

    /// The sampling temperature (llm).
    #[must_use]
    pub fn temperature(self, temperature: f64) -> Self {
        self.start_value(Field::Temperature, "", Value::Float(temperature))
    }

    /// The tools that the model was offered, as JSON (llm).
    #[must_use]
    pub fn tools<T: Serialize>(self, tools: &T) -> Self {
        self.start_value(Field::Tools, "", Value::Json(tools))
    }

    /// Why the model stopped (llm).
    #[must_use]
    pub fn finish_reason(self, reason: &str) -> Self {
        self.end_value(Field::FinishReason, "", Value::Text(reason))
    }

    /// Tokens that went in and came out; their sum is the total (llm).
    #[must_use]
    pub fn tokens(self, input: u64, output: u64) -> Self {
        self.metric("num_input_tokens", input)
            .metric("num_output_tokens", output)
            .metric("num_total_tokens", input.saturating_add(output))
    }

    /// How long the first token took (llm).
    #[must_use]
    pub fn time_to_first_token(self, time: Duration) -> Self {
        self.metric("time_to_first_token_ns", u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    /// A number of the metrics object, by its name on the wire.
    #[must_use]
    pub fn metric(self, name: &str, value: u64) -> Self {
        self.end_value(Field::Metric, name, Value::UInt(value))
    }

    /// The id of the tool call (tool).
    #[must_use]
    pub fn tool_call_id(self, id: &str) -> Self {
        self.start_value(Field::ToolCallId, "", Value::Text(id))
    }

    /// The kind of agent, such as `planner` or `react` (agent).
    #[must_use]
    pub fn agent_type(self, kind: &str) -> Self {
        self.start_value(Field::AgentType, "", Value::Text(kind))
    }

    /// Any further attribute of this span type, by its name on the wire.
    #[must_use]
    pub fn attribute<T: Serialize>(self, name: &str, value: &T) -> Self {
        self.start_value(Field::Attribute, name, Value::Json(value))
    }

    fn start_value(mut self, field: Field, key: &str, value: Value<'_>) -> Self {
        if span::enabled() {
            value.put(field, key, &mut Parts::new(&mut self.start));
        }
        self
    }

    fn end_value(mut self, field: Field, key: &str, value: Value<'_>) -> Self {
        if span::enabled() {
            value.put(field, key, &mut Parts::new(&mut self.end));
        }
        self
    }

    /// The trace of a single call: the same beginning without what only an llm span has.
    pub(super) fn for_trace(&self) -> Self {
        Self {
            name: self.name.clone(),
            text: self.text.clone(),
            start: self.start.clone(),
            started_at: self.started_at,
            ..Self::default()
        }
    }

    /// What concludes the trace of a single call.
    pub(super) fn conclusion(&self) -> Self {
        Self {
            end: self.end.clone(),
            output: self.output.clone(),
            has_output: self.has_output,
            status: self.status,
            error: self.error,
            duration: self.duration,
            ..Self::default()
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        if self.error || self.status.is_some_and(|code| code >= 400) { Outcome::Error } else { Outcome::Ok }
    }

    /// The beginning, by the process's clock. A step that is recorded whole began its duration ago.
    pub(super) fn start(&self, whole: bool) -> u64 {
        let now = clock::now();
        match (self.started_at, self.duration.filter(|_| whole)) {
            (Some(time), _) => {
                let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
                u64::try_from(nanos).unwrap_or(now).saturating_add_signed(clock::drift().saturating_neg())
            }
            (None, Some(duration)) => now.saturating_sub(nanos(duration)),
            (None, None) => now,
        }
    }

    /// The end of a step that began at `started`, when the duration was given.
    pub(super) fn end_of(&self, started: u64) -> Option<u64> {
        self.duration.map(|duration| started.saturating_add(nanos(duration)))
    }

    pub(super) fn write_start(&self, span_type: SpanType, parts: &mut Parts<'_>) {
        parts.text(Field::Name, "", self.name.as_deref().unwrap_or(span_type.as_str()));
        if let Some(text) = &self.text {
            Value::Text(text).put(Field::Input, "", parts);
        }
        parts.append(&self.start);
    }

    pub(super) fn write_end(&self, parts: &mut Parts<'_>) {
        parts.append(&self.end);
    }

    /// Writes everything, for a step that concludes another one: tags and metadata are added to it.
    pub(super) fn write_conclusion(&self, parts: &mut Parts<'_>) {
        parts.append(&self.start);
        parts.append(&self.end);
    }

    pub(super) fn has_output(&self) -> bool {
        self.has_output
    }

    pub(super) fn has_end(&self) -> bool {
        !self.end.is_empty()
    }

    pub(super) fn into_output_text(self) -> Option<String> {
        self.output
    }

    /// The same step where it concludes another one: bare text is the output.
    pub(super) fn concluding(mut self) -> Self {
        match self.text.take() {
            Some(text) => self.output(&text),
            None => self,
        }
    }
}

/// Bare text is the input of a step that begins and the output of one that is concluded.
impl From<&str> for Step {
    fn from(text: &str) -> Self {
        Self { text: Some(text.to_owned()), ..Self::default() }
    }
}

impl From<String> for Step {
    fn from(text: String) -> Self {
        Self { text: Some(text), ..Self::default() }
    }
}

impl From<&String> for Step {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
