//! OpenAI's chat completions.

use super::{Answer, Failure, Usage, append, error_of, take, text};
use serde_json::{Map, Value, json};

pub(super) fn whole(mut body: Value) -> Answer {
    let mut messages = Vec::new();
    let mut finish_reason = None;
    for choice in body.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
        finish_reason = finish_reason.or_else(|| text(&choice["finish_reason"]));
        messages.push(take(choice, "message"));
    }
    Answer {
        model: text(&body["model"]),
        id: text(&body["id"]),
        message: one_or_all(messages),
        finish_reason,
        usage: Usage::openai(&body["usage"]),
        ..Answer::default()
    }
}

fn one_or_all(mut messages: Vec<Value>) -> Value {
    match messages.len() {
        0 => Value::Null,
        1 => messages.remove(0),
        _ => Value::Array(messages),
    }
}

/// Chunks of a completion.
#[derive(Debug, Default)]
pub(in super::super) struct Pieces {
    model: Option<String>,
    id: Option<String>,
    choices: Vec<Choice>,
    usage: Usage,
    error: Option<Failure>,
    done: bool,
}

#[derive(Debug, Default)]
struct Choice {
    role: Option<String>,
    content: String,
    reasoning: String,
    refusal: String,
    calls: Vec<Call>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// Providers number choices and calls from zero; a number beyond this is damage.
const MANY: u64 = 128;

impl Pieces {
    pub(super) fn done(&mut self) {
        self.done = true;
    }

    pub(super) fn event(&mut self, chunk: Value) -> bool {
        if let Some(error) = error_of(&chunk) {
            self.error = Some(error);
            return false;
        }
        self.model = self.model.take().or_else(|| text(&chunk["model"]));
        self.id = self.id.take().or_else(|| text(&chunk["id"]));
        if chunk["usage"].is_object() {
            self.usage = Usage::openai(&chunk["usage"]);
        }
        let mut said = false;
        for piece in chunk["choices"].as_array().into_iter().flatten() {
            let index = piece["index"].as_u64().unwrap_or(0);
            if let Some(choice) = at(&mut self.choices, index) {
                said |= choice.add(&piece["delta"]);
                choice.finish_reason = choice.finish_reason.take().or_else(|| text(&piece["finish_reason"]));
            }
        }
        said
    }

    pub(super) fn is_ended(&self) -> bool {
        self.done
    }

    pub(super) fn answer(self) -> Answer {
        let finish_reason = self.choices.iter().find_map(|choice| choice.finish_reason.clone());
        Answer {
            ended: self.done || finish_reason.is_some(),
            model: self.model,
            id: self.id,
            finish_reason,
            message: one_or_all(self.choices.into_iter().map(Choice::message).collect()),
            usage: self.usage,
            error: self.error,
        }
    }
}

fn at<T: Default>(list: &mut Vec<T>, index: u64) -> Option<&mut T> {
    let index = usize::try_from(index).ok().filter(|_| index < MANY)?;
    if list.len() <= index {
        list.resize_with(index + 1, T::default);
    }
    list.get_mut(index)
}

impl Choice {
    fn add(&mut self, delta: &Value) -> bool {
        self.role = self.role.take().or_else(|| text(&delta["role"]));
        let mut said = false;
        for (piece, whole) in [
            (&delta["content"], &mut self.content),
            (&delta["refusal"], &mut self.refusal),
            (&delta["reasoning_content"], &mut self.reasoning),
        ] {
            if let Some(piece) = piece.as_str().filter(|piece| !piece.is_empty()) {
                append(whole, piece);
                said = true;
            }
        }
        for (position, piece) in delta["tool_calls"].as_array().into_iter().flatten().enumerate() {
            // Some providers leave the number out and send whole calls.
            let index = piece["index"].as_u64().unwrap_or(position as u64);
            let Some(call) = at(&mut self.calls, index) else { continue };
            append(&mut call.id, piece["id"].as_str().unwrap_or_default());
            append(&mut call.name, piece["function"]["name"].as_str().unwrap_or_default());
            append(&mut call.arguments, piece["function"]["arguments"].as_str().unwrap_or_default());
            said = true;
        }
        said
    }

    fn message(self) -> Value {
        let mut message = Map::new();
        message.insert("role".into(), self.role.as_deref().unwrap_or("assistant").into());
        message.insert("content".into(), if self.content.is_empty() { Value::Null } else { self.content.into() });
        for (name, value) in [("refusal", self.refusal), ("reasoning_content", self.reasoning)] {
            if !value.is_empty() {
                message.insert(name.into(), value.into());
            }
        }
        if !self.calls.is_empty() {
            let calls = self.calls.into_iter().map(|call| {
                json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
            });
            message.insert("tool_calls".into(), calls.collect());
        }
        Value::Object(message)
    }
}
