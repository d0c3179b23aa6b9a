//! One form for the messages of every model API, so that each wire format is written from one thing.
//!
//! Read are the forms of OpenAI (chat completions and responses), Anthropic, Gemini, Galileo and OpenTelemetry.

#[cfg(feature = "galileo")]
use super::media;
use serde_json::{Value, json};

/// One message of a conversation with a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub(crate) role: String,
    pub(crate) name: Option<String>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) finish_reason: Option<String>,
}

/// One piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    Text(String),
    Reasoning(String),
    ToolCall {
        id: String,
        name: String,
        /// JSON text, as models write it.
        arguments: String,
    },
    ToolResult {
        id: String,
        content: String,
    },
    /// A picture, a sound, a file: as it came.
    Other(Value),
}

impl Message {
    pub(crate) fn text(role: &str, text: impl Into<String>) -> Self {
        Self { role: role.to_owned(), blocks: vec![Block::Text(text.into())], ..Self::default() }
    }

    /// The messages that `value` is: a list of them, a single one, or a whole request or answer that holds them.
    pub(crate) fn list(value: &Value) -> Option<Vec<Self>> {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let mut found: Vec<Self> = Vec::with_capacity(items.len());
                for item in items {
                    found.push(Self::one(item)?);
                }
                Some(found)
            }
            Value::Object(object) => {
                let inner = ["messages", "contents"].iter().find_map(|key| object.get(*key).filter(|v| v.is_array()));
                if let Some(list) = inner.and_then(Self::list) {
                    let system = object.get("system").or_else(|| object.get("system_instruction"));
                    let system = system.map(|content| Self {
                        role: "system".into(),
                        blocks: blocks(content),
                        ..Self::default()
                    });
                    return Some(system.into_iter().chain(list).collect());
                }
                if let Some(choices) = object.get("choices").and_then(Value::as_array) {
                    return choices.iter().map(choice).collect();
                }
                Self::one(value).map(|message| vec![message])
            }
            _ => None,
        }
    }

    fn one(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let string = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        // The pieces of the responses API stand beside messages instead of inside them.
        match object.get("type").and_then(Value::as_str) {
            Some("function_call") => {
                let call = tool_call(value)?;
                return Some(Self { role: "assistant".into(), blocks: vec![call], ..Self::default() });
            }
            Some("function_call_output") => {
                let block = Block::ToolResult {
                    id: string("call_id").unwrap_or_default(),
                    content: plain(object.get("output").unwrap_or(&Value::Null)),
                };
                return Some(Self { role: "tool".into(), blocks: vec![block], ..Self::default() });
            }
            Some("reasoning") => {
                let text = object.get("summary").map(plain).unwrap_or_default();
                return Some(Self {
                    role: "assistant".into(),
                    blocks: vec![Block::Reasoning(text)],
                    ..Self::default()
                });
            }
            _ => {}
        }
        let role = string("role")?;
        let body = ["parts", "content"].iter().find_map(|key| object.get(*key));
        if body.is_none() && !object.contains_key("tool_calls") {
            return None;
        }
        let mut found = match (string("tool_call_id"), body) {
            (Some(id), Some(content)) => vec![Block::ToolResult { id, content: plain(content) }],
            (_, Some(content)) => blocks(content),
            _ => Vec::new(),
        };
        if let Some(text) = string("reasoning_content").filter(|text| !text.is_empty()) {
            found.insert(0, Block::Reasoning(text));
        }
        if let Some(calls) = object.get("tool_calls").and_then(Value::as_array) {
            found.extend(calls.iter().filter_map(tool_call));
        }
        let role = if role == "model" { "assistant".to_owned() } else { role };
        let finish_reason = string("finish_reason").or_else(|| string("stop_reason"));
        Some(Self { role, name: string("name"), blocks: found, finish_reason })
    }

    /// The text of the message without calls, results and pictures.
    pub(crate) fn plain_text(&self) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            let (Block::Text(text) | Block::ToolResult { content: text, .. }) = block else { continue };
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(text);
        }
        out
    }

    /// The tool calls in it: id, name, arguments.
    pub(crate) fn tool_calls(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.blocks.iter().filter_map(|block| match block {
            Block::ToolCall { id, name, arguments } => Some((id.as_str(), name.as_str(), arguments.as_str())),
            _ => None,
        })
    }

    /// The call that this message answers.
    pub(crate) fn tool_call_id(&self) -> Option<&str> {
        self.blocks.iter().find_map(|block| match block {
            Block::ToolResult { id, .. } if !id.is_empty() => Some(id.as_str()),
            _ => None,
        })
    }

    /// OpenTelemetry's form: a role and typed parts.
    #[cfg(any(feature = "otlp", test))]
    pub(crate) fn to_parts(&self) -> Value {
        let parts: Vec<Value> = self.blocks.iter().map(block_part).collect();
        let mut message = json!({ "role": self.role, "parts": parts });
        if let Some(name) = &self.name {
            message["name"] = json!(name);
        }
        if let Some(reason) = &self.finish_reason {
            message["finish_reason"] = json!(reason);
        }
        message
    }

    /// Galileo's form: a role, text as content, tool calls beside it.
    pub(crate) fn to_galileo(&self) -> Value {
        let mut message = json!({ "role": self.role, "content": self.plain_text() });
        if let Some(id) = self.tool_call_id() {
            message["tool_call_id"] = json!(id);
        }
        let calls: Vec<Value> = self
            .tool_calls()
            .map(|(id, name, arguments)| json!({ "id": id, "function": { "name": name, "arguments": arguments } }))
            .collect();
        if !calls.is_empty() {
            message["tool_calls"] = Value::Array(calls);
        }
        message
    }
}

#[cfg(feature = "galileo")]
impl Message {
    /// As [`to_galileo`](Self::to_galileo), with a list of parts as its content where there is more in it than text.
    pub(crate) fn to_galileo_parts(&self) -> Value {
        let mut message = self.to_galileo();
        if self.blocks.iter().any(|block| matches!(block, Block::Other(_))) {
            message["content"] = self
                .blocks
                .iter()
                .filter_map(|block| match block {
                    Block::Text(text) | Block::ToolResult { content: text, .. } => {
                        Some(json!({ "type": "text", "text": text }))
                    }
                    Block::Other(value) => Some(media::part(value)),
                    Block::Reasoning(_) | Block::ToolCall { .. } => None,
                })
                .collect();
        }
        message
    }
}

/// One choice of a chat completion.
fn choice(value: &Value) -> Option<Message> {
    let mut message = Message::one(value.get("message")?)?;
    message.finish_reason =
        value.get("finish_reason").and_then(Value::as_str).map(str::to_owned).or(message.finish_reason);
    Some(message)
}

/// The pieces of a message's content.
fn blocks(content: &Value) -> Vec<Block> {
    match content {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![Block::Text(text.clone())],
        Value::Array(items) => items.iter().map(block).collect(),
        Value::Object(object) if object.contains_key("parts") => blocks(&object["parts"]),
        other => vec![block(other)],
    }
}

fn block(value: &Value) -> Block {
    let string = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    let found = match kind {
        "text" | "input_text" | "output_text" | "refusal" => {
            string("text").or_else(|| string("content")).or_else(|| string("refusal")).map(Block::Text)
        }
        "reasoning" | "thinking" => {
            string("content").or_else(|| string("thinking")).or_else(|| string("text")).map(Block::Reasoning)
        }
        "tool_use" | "tool_call" | "function_call" => tool_call(value),
        "tool_result" | "tool_call_response" | "function_call_output" => Some(Block::ToolResult {
            id: ["tool_use_id", "id", "call_id"].into_iter().find_map(string).unwrap_or_default(),
            content: ["content", "response", "result", "output"]
                .into_iter()
                .find_map(|key| value.get(key))
                .map(plain)
                .unwrap_or_default(),
        }),
        // Gemini's parts have no type.
        "" => match (string("text"), value.get("functionCall").or_else(|| value.get("function_call"))) {
            (Some(text), _) => Some(Block::Text(text)),
            (None, Some(call)) => tool_call(call),
            _ => value.as_str().map(|text| Block::Text(text.to_owned())),
        },
        _ => None,
    };
    found.unwrap_or_else(|| Block::Other(value.clone()))
}

/// A call in any of its forms: under `function`, or flat with `arguments`, `input` or `args`.
fn tool_call(value: &Value) -> Option<Block> {
    let function = value.get("function").unwrap_or(value);
    let name = function.get("name").and_then(Value::as_str)?.to_owned();
    let id = ["call_id", "id"].iter().find_map(|key| value.get(*key)).and_then(Value::as_str).unwrap_or_default();
    let arguments = ["arguments", "input", "args"].iter().find_map(|key| function.get(*key));
    Some(Block::ToolCall { id: id.to_owned(), name, arguments: arguments.map(plain).unwrap_or_default() })
}

/// Text as it is, the texts of a list joined, anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Option<Vec<&str>> =
                items.iter().map(|item| item.as_str().or_else(|| item.get("text")?.as_str())).collect();
            texts.map_or_else(|| value.to_string(), |texts| texts.join("\n"))
        }
        other => other.to_string(),
    }
}

#[cfg(any(feature = "otlp", test))]
fn block_part(block: &Block) -> Value {
    // Arguments are an object in this form; what a model wrote wrongly stays text.
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    match block {
        Block::Text(text) => json!({ "type": "text", "content": text }),
        Block::Reasoning(text) => json!({ "type": "reasoning", "content": text }),
        Block::ToolCall { id, name, arguments } => {
            json!({ "type": "tool_call", "id": id, "name": name, "arguments": parsed(arguments) })
        }
        Block::ToolResult { id, content } => json!({ "type": "tool_call_response", "id": id, "response": content }),
        Block::Other(value) => value.clone(),
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
