//! Anthropic's messages.

use super::{Answer, Failure, Usage, append, error_of, take, text};
use serde_json::{Value, json};

pub(super) fn whole(mut body: Value) -> Answer {
    Answer {
        model: text(&body["model"]),
        id: text(&body["id"]),
        finish_reason: text(&body["stop_reason"]),
        usage: usage(&body["usage"]),
        message: json!({ "role": "assistant", "content": take(&mut body, "content") }),
        ..Answer::default()
    }
}

/// What came from a cache or went into one is counted beside the input here; the conventions count all of it as input.
fn usage(usage: &Value) -> Usage {
    let count = |name: &str| usage[name].as_u64();
    let (cached, cache_write) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
    let input = count("input_tokens").map(|fresh| fresh + cached.unwrap_or(0) + cache_write.unwrap_or(0));
    let output = count("output_tokens");
    let total = input.zip(output).map(|(input, output)| input + output);
    Usage { input, output, total, cached, cache_write, reasoning: None }
}

/// Events of a message.
#[derive(Debug, Default)]
pub(in super::super) struct Pieces {
    model: Option<String>,
    id: Option<String>,
    blocks: Vec<Block>,
    stop_reason: Option<String>,
    /// As the provider writes it; later events replace single counts.
    usage: Value,
    error: Option<Failure>,
    ended: bool,
}

/// A block as it began, and the text that was added to it.
#[derive(Debug, Default)]
struct Block {
    start: Value,
    text: String,
    arguments: String,
}

/// Blocks are numbered from zero; a number beyond this is damage.
const MANY: usize = 256;

impl Pieces {
    pub(super) fn event(&mut self, mut event: Value) -> bool {
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => {
                let mut message = take(&mut event, "message");
                self.model = text(&message["model"]);
                self.id = text(&message["id"]);
                self.usage = take(&mut message, "usage");
            }
            "content_block_start" => {
                if let Some(block) = self.block(&event["index"]) {
                    block.start = take(&mut event, "content_block");
                }
            }
            "content_block_delta" => {
                let Some(block) = self.block(&event["index"]) else { return false };
                let delta = &event["delta"];
                let piece = |name: &str| delta[name].as_str().unwrap_or_default();
                append(&mut block.text, piece("text"));
                append(&mut block.text, piece("thinking"));
                append(&mut block.arguments, piece("partial_json"));
                return true;
            }
            "message_delta" => {
                self.stop_reason = text(&event["delta"]["stop_reason"]).or(self.stop_reason.take());
                if let (Value::Object(known), Value::Object(new)) = (&mut self.usage, take(&mut event, "usage")) {
                    known.extend(new);
                }
            }
            "message_stop" => self.ended = true,
            "error" => self.error = error_of(&event),
            _ => {}
        }
        false
    }

    fn block(&mut self, index: &Value) -> Option<&mut Block> {
        let index = usize::try_from(index.as_u64()?).ok().filter(|index| *index < MANY)?;
        if self.blocks.len() <= index {
            self.blocks.resize_with(index + 1, Block::default);
        }
        self.blocks.get_mut(index)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn answer(self) -> Answer {
        let content: Vec<Value> = self.blocks.into_iter().map(Block::finish).filter(|block| !block.is_null()).collect();
        Answer {
            model: self.model,
            id: self.id,
            message: if content.is_empty() { Value::Null } else { json!({ "role": "assistant", "content": content }) },
            ended: self.ended || self.stop_reason.is_some() || self.error.is_some(),
            finish_reason: self.stop_reason,
            usage: usage(&self.usage),
            error: self.error,
        }
    }
}

impl Block {
    fn finish(self) -> Value {
        let Value::Object(mut block) = self.start else { return Value::Null };
        if !self.arguments.is_empty() {
            let input = serde_json::from_str(&self.arguments).unwrap_or(Value::String(self.arguments));
            block.insert("input".into(), input);
        }
        match block.get("type").and_then(Value::as_str) {
            Some("thinking") => block.insert("thinking".into(), self.text.into()),
            Some("text") => block.insert("text".into(), self.text.into()),
            _ => None,
        };
        Value::Object(block)
    }
}
