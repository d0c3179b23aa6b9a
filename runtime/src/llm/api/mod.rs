//! The request and answer forms of model APIs, read into one form.
//!
//! Reading is forgiving: what is missing or of another type is left out, because providers differ and a span must never fail a call.

mod chat;
mod messages;
mod responses;
#[cfg(test)]
mod tests;

use http::Uri;
use serde_json::{Value, json};

/// Text that is put together from a stream stops growing here; the capture limit is far below.
const TEXT_LIMIT: usize = 1 << 20;

/// A form of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// OpenAI's chat completions, which most providers speak.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
}

impl Api {
    /// The form by which an endpoint is called, from the end of its path.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let path = uri.path().trim_end_matches('/');
        if path.ends_with("/chat/completions") {
            Some(Self::Chat)
        } else if path.ends_with("/responses") {
            Some(Self::Responses)
        } else if path.ends_with("/v1/messages") {
            Some(Self::Messages)
        } else {
            None
        }
    }

    /// The provider by OpenTelemetry's names: known hosts, else whose form it is.
    pub(super) fn provider(self, host: &str) -> &'static str {
        const HOSTS: [(&str, &str); 11] = [
            ("openai.azure.com", "azure.ai.openai"),
            ("openai.com", "openai"),
            ("anthropic.com", "anthropic"),
            ("mistral.ai", "mistral_ai"),
            ("groq.com", "groq"),
            ("deepseek.com", "deepseek"),
            ("x.ai", "x_ai"),
            ("perplexity.ai", "perplexity"),
            ("cohere.com", "cohere"),
            ("generativelanguage.googleapis.com", "gcp.gemini"),
            ("aiplatform.googleapis.com", "gcp.vertex_ai"),
        ];
        let known = HOSTS.iter().find(|(domain, _)| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', '-']))
        });
        known.map_or(if self == Self::Messages { "anthropic" } else { "openai" }, |(_, provider)| provider)
    }

    pub(super) fn read_request(self, body: Value) -> Asked {
        let mut asked = Asked {
            model: text(&body["model"]),
            temperature: body["temperature"].as_f64(),
            stream: body["stream"].as_bool().unwrap_or(false),
            limits: ["max_tokens", "max_completion_tokens", "max_output_tokens", "top_p", "seed"]
                .into_iter()
                .filter_map(|name| body.get(name).filter(|v| v.is_number()).map(|v| (name, v.clone())))
                .collect(),
            ..Asked::default()
        };
        let Value::Object(mut body) = body else { return asked };
        asked.tools = body.remove("tools").filter(|tools| tools.as_array().is_some_and(|list| !list.is_empty()));
        asked.messages = match self {
            Self::Chat => body.remove("messages").unwrap_or_default(),
            Self::Responses => {
                with_system(body.remove("instructions"), "system", body.remove("input").unwrap_or_default())
            }
            Self::Messages => with_system(body.remove("system"), "system", body.remove("messages").unwrap_or_default()),
        };
        asked
    }

    /// Reads a whole answer.
    pub(super) fn read_answer(self, body: Value) -> Answer {
        if let Some(error) = error_of(&body) {
            return Answer { error: Some(error), ended: true, ..Answer::default() };
        }
        let answer = match self {
            Self::Chat => chat::whole(body),
            Self::Responses => responses::whole(body),
            Self::Messages => messages::whole(body),
        };
        Answer { ended: true, ..answer }
    }

    /// Something that reads an answer piece by piece.
    pub(super) fn stream(self) -> Stream {
        match self {
            Self::Chat => Stream::Chat(chat::Pieces::default()),
            Self::Responses => Stream::Responses(responses::Pieces::default()),
            Self::Messages => Stream::Messages(messages::Pieces::default()),
        }
    }
}

/// An answer that is being streamed.
#[derive(Debug)]
pub(super) enum Stream {
    Chat(chat::Pieces),
    Responses(responses::Pieces),
    Messages(messages::Pieces),
}

impl Stream {
    /// Takes in the data of one event. `true` when it holds a piece of what the model says.
    pub(super) fn event(&mut self, data: &str) -> bool {
        if data.trim() == "[DONE]" {
            if let Self::Chat(pieces) = self {
                pieces.done();
            }
            return false;
        }
        let Ok(value) = serde_json::from_str::<Value>(data) else { return false };
        match self {
            Self::Chat(pieces) => pieces.event(value),
            Self::Responses(pieces) => pieces.event(value),
            Self::Messages(pieces) => pieces.event(value),
        }
    }

    /// Whether the last event has been seen.
    pub(super) fn is_ended(&self) -> bool {
        match self {
            Self::Chat(pieces) => pieces.is_ended(),
            Self::Responses(pieces) => pieces.is_ended(),
            Self::Messages(pieces) => pieces.is_ended(),
        }
    }

    /// What has arrived.
    pub(super) fn answer(self) -> Answer {
        match self {
            Self::Chat(pieces) => pieces.answer(),
            Self::Responses(pieces) => pieces.answer(),
            Self::Messages(pieces) => pieces.answer(),
        }
    }
}

/// What a model was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) model: Option<String>,
    pub(super) temperature: Option<f64>,
    pub(super) stream: bool,
    /// Further parameters that are numbers.
    pub(super) limits: Vec<(&'static str, Value)>,
    pub(super) tools: Option<Value>,
    pub(super) messages: Value,
}

/// What a model answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) model: Option<String>,
    pub(super) id: Option<String>,
    /// The message; a list where there are several choices.
    pub(super) message: Value,
    pub(super) finish_reason: Option<String>,
    pub(super) usage: Usage,
    pub(super) error: Option<Failure>,
    /// It is known to be complete.
    pub(super) ended: bool,
}

/// Token counts, absent where the provider gives none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) cached: Option<u64>,
    pub(super) cache_write: Option<u64>,
    pub(super) reasoning: Option<u64>,
}

impl Usage {
    /// OpenAI's counts, under either of its two sets of names.
    fn openai(usage: &Value) -> Self {
        let count = |names: [&str; 2]| names.iter().find_map(|name| usage.pointer(name)?.as_u64());
        let input = count(["/prompt_tokens", "/input_tokens"]);
        let output = count(["/completion_tokens", "/output_tokens"]);
        Self {
            input,
            output,
            total: usage["total_tokens"].as_u64().or_else(|| Some(input? + output?)),
            cached: count(["/prompt_tokens_details/cached_tokens", "/input_tokens_details/cached_tokens"]),
            cache_write: None,
            reasoning: count([
                "/completion_tokens_details/reasoning_tokens",
                "/output_tokens_details/reasoning_tokens",
            ]),
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: String,
    pub(super) message: String,
}

/// `{"error": {"message", "type"}}`, as all of these APIs write it; some put text there.
fn error_of(body: &Value) -> Option<Failure> {
    match body.get("error")? {
        Value::Null => None,
        Value::String(message) => Some(Failure { kind: String::new(), message: message.clone() }),
        error => Some(Failure {
            kind: text(&error["type"]).or_else(|| text(&error["code"])).unwrap_or_default(),
            message: text(&error["message"]).unwrap_or_else(|| error.to_string()),
        }),
    }
}

/// The messages with the system's text in front; a bare text is the user's.
fn with_system(system: Option<Value>, role: &str, messages: Value) -> Value {
    let messages = match messages {
        Value::String(text) => json!([{ "role": "user", "content": text }]),
        other => other,
    };
    match (system.filter(|s| !s.is_null()), messages) {
        (Some(system), Value::Array(mut list)) => {
            list.insert(0, json!({ "role": role, "content": system }));
            Value::Array(list)
        }
        (_, messages) => messages,
    }
}

/// Takes a field out. Unlike indexing it never panics, whatever `value` is.
fn take(value: &mut Value, field: &str) -> Value {
    value.get_mut(field).map(Value::take).unwrap_or_default()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Adds a piece, within the limit.
fn append(text: &mut String, piece: &str) {
    if text.len() + piece.len() <= TEXT_LIMIT {
        text.push_str(piece);
    }
}
