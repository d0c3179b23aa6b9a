//! OpenAI's responses.

use super::{Answer, Failure, Usage, append, error_of, take, text};
use serde_json::{Value, json};

pub(super) fn whole(mut body: Value) -> Answer {
    let finish_reason = text(&body["incomplete_details"]["reason"]).or_else(|| text(&body["status"]));
    Answer {
        model: text(&body["model"]),
        id: text(&body["id"]),
        message: message(take(&mut body, "output")),
        finish_reason,
        usage: Usage::openai(&body["usage"]),
        error: error_of(&body),
        ..Answer::default()
    }
}

/// The items of an output as one message of the assistant: texts, reasoning and calls in their order.
fn message(output: Value) -> Value {
    let Value::Array(items) = output else { return Value::Null };
    let mut content = Vec::new();
    for mut item in items {
        match take(&mut item, "content") {
            Value::Array(parts) if item["type"] == "message" => content.extend(parts),
            _ => content.push(match item["type"].as_str() {
                Some("function_call") => json!({
                    "type": "tool_call", "id": item["call_id"], "name": item["name"], "arguments": item["arguments"],
                }),
                Some("reasoning") => {
                    let parts = item["summary"].as_array().into_iter().flatten();
                    let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
                    json!({ "type": "reasoning", "content": texts.join("\n") })
                }
                _ => item,
            }),
        }
    }
    json!({ "role": "assistant", "content": content })
}

/// Events of a response. The last one holds all of it; the texts are put together in case the last never comes.
#[derive(Debug, Default)]
pub(in super::super) struct Pieces {
    text: String,
    last: Option<Value>,
    error: Option<Failure>,
}

impl Pieces {
    pub(super) fn event(&mut self, mut event: Value) -> bool {
        match event["type"].as_str().unwrap_or_default() {
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.last = Some(take(&mut event, "response"));
                false
            }
            "error" => {
                self.error = error_of(&event).or_else(|| {
                    let message = text(&event["message"])?;
                    Some(Failure { kind: text(&event["code"]).unwrap_or_default(), message })
                });
                false
            }
            "response.output_text.delta" => {
                append(&mut self.text, event["delta"].as_str().unwrap_or_default());
                true
            }
            kind => kind.ends_with(".delta"),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.last.is_some()
    }

    pub(super) fn answer(self) -> Answer {
        match self.last {
            Some(response) => Answer { ended: true, ..whole(response) },
            None => Answer {
                message: if self.text.is_empty() {
                    Value::Null
                } else {
                    json!({ "role": "assistant", "content": self.text })
                },
                ended: self.error.is_some(),
                error: self.error,
                ..Answer::default()
            },
        }
    }
}
