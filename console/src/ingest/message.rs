//! Messages and documents in the many forms in which senders write them become Galileo's form: a message has `role` and `content`
//! and maybe `tool_calls` and `tool_call_id`, a document has `content` and `metadata`.
//!
//! Reads OpenAI's chat form, the parts of the generative AI conventions, LangChain's serialised objects and plain text.

use serde_json::{Map, Value, json};

/// Nesting of lists and wrappers that is followed.
const LEVELS: usize = 8;

/// Text that holds JSON becomes that JSON; other text stays.
pub(crate) fn parsed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        _ => value.clone(),
    }
}

/// The messages in a value; `role` is for text that does not say who speaks.
pub(crate) fn messages(value: &Value, role: &str) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    collect(&parsed(value), role, LEVELS, &mut found);
    (!found.is_empty()).then_some(found)
}

fn collect(value: &Value, role: &str, levels: usize, found: &mut Vec<Value>) {
    if levels == 0 {
        return;
    }
    match value {
        Value::String(text) => found.push(json!({"role": role, "content": text})),
        Value::Array(items) => {
            if let [Value::String(speaker), Value::String(text)] = items.as_slice()
                && let Some(speaker) = known_role(speaker)
            {
                return found.push(json!({"role": speaker, "content": text}));
            }
            items.iter().for_each(|item| collect(item, role, levels - 1, found));
        }
        Value::Object(object) => {
            if let Some(message) = message(object, role) {
                return found.push(message);
            }
            for wrapper in ["messages", "generations", "choices", "prompts", "message", "output", "input", "text"] {
                if let Some(inner) = object.get(wrapper).filter(|inner| !inner.is_null()) {
                    return collect(inner, role, levels - 1, found);
                }
            }
        }
        _ => {}
    }
}

fn known_role(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "user" | "human" | "humanmessage" | "humanmessagechunk" => "user",
        "assistant" | "ai" | "model" | "aimessage" | "aimessagechunk" => "assistant",
        "system" | "systemmessage" => "system",
        "developer" => "developer",
        "tool" | "toolmessage" => "tool",
        "function" | "functionmessage" => "function",
        "agent" => "agent",
        _ => return None,
    })
}

fn message(object: &Map<String, Value>, default: &str) -> Option<Value> {
    // LangChain: {"lc": 1, "id": [.., "AIMessage"], "kwargs": {..}} or {"type": "ai", "data": {..}}.
    let class = object.get("id").and_then(Value::as_array).and_then(|path| path.last()?.as_str());
    let fields = ["kwargs", "data"].iter().find_map(|name| object.get(*name)?.as_object()).unwrap_or(object);
    let named = ["role", "type"].iter().find_map(|name| known_role(fields.get(*name)?.as_str()?));
    let role = class.and_then(known_role).or(named).or_else(|| known_role(object.get("type")?.as_str()?));
    let content = ["content", "parts"].iter().find_map(|name| fields.get(*name));
    let calls = tool_calls(fields, content);
    // A block such as {"type": "text", "text": ..} is no message.
    if content.is_none() && calls.is_empty() || (role.is_none() && !fields.contains_key("role")) {
        return None;
    }
    let (content, answered) = content.map_or((Value::String(String::new()), None), plain_content);
    let mut message = Map::new();
    message.insert("role".into(), json!(role.unwrap_or(default)));
    message.insert("content".into(), content);
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    let call_id = fields.get("tool_call_id").and_then(Value::as_str).map(str::to_owned).or(answered);
    if let Some(id) = call_id {
        message.insert("tool_call_id".into(), id.into());
    }
    Some(Value::Object(message))
}

/// Content as text when all of it is text, else as a list of blocks; and the call that it answers.
fn plain_content(content: &Value) -> (Value, Option<String>) {
    let items = match content {
        Value::Null => return (Value::String(String::new()), None),
        Value::Array(items) => items,
        Value::String(_) => return (content.clone(), None),
        other => return (Value::String(other.to_string()), None),
    };
    let kind = |item: &Value| item.get("type").and_then(Value::as_str).unwrap_or("").to_owned();
    let mut answered = None;
    let mut blocks: Vec<Value> = Vec::new();
    let mut all_text = true;
    for item in items {
        match (kind(item).as_str(), item) {
            ("tool_call" | "tool_use" | "function_call", _) => {}
            ("tool_call_response" | "tool_result", _) => {
                answered = ["id", "tool_use_id", "tool_call_id"]
                    .iter()
                    .find_map(|name| item.get(*name)?.as_str())
                    .map(str::to_owned);
                let result =
                    ["response", "result", "content"].iter().find_map(|name| item.get(*name)).unwrap_or(&Value::Null);
                blocks.push(json!({"type": "text", "text": text(result)}));
            }
            (_, Value::String(text)) => blocks.push(json!({"type": "text", "text": text})),
            ("text" | "reasoning" | "", Value::Object(block))
                if block.get("text").or(block.get("content")).is_some_and(Value::is_string) =>
            {
                blocks.push(json!({"type": "text", "text": block.get("text").or(block.get("content"))}));
            }
            _ => {
                all_text = false;
                blocks.push(item.clone());
            }
        }
    }
    if all_text {
        let texts: Vec<&str> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
        return (Value::String(texts.join("\n")), answered);
    }
    (Value::Array(blocks), answered)
}

fn tool_calls(fields: &Map<String, Value>, content: Option<&Value>) -> Vec<Value> {
    let listed = fields
        .get("tool_calls")
        .or_else(|| fields.get("additional_kwargs")?.get("tool_calls"))
        .and_then(Value::as_array);
    let inline = content.and_then(Value::as_array).into_iter().flatten().filter(|part| {
        matches!(part.get("type").and_then(Value::as_str), Some("tool_call" | "tool_use" | "function_call"))
    });
    listed.into_iter().flatten().chain(inline).filter_map(tool_call).collect()
}

fn tool_call(call: &Value) -> Option<Value> {
    let function = call.get("function").unwrap_or(call);
    let name = function.get("name")?.as_str()?;
    let arguments =
        ["arguments", "args", "input"].iter().find_map(|name| function.get(*name)).map(text).unwrap_or_default();
    let id = call.get("id").or(call.get("call_id")).and_then(Value::as_str).unwrap_or_default();
    Some(json!({"id": id, "function": {"name": name, "arguments": arguments}}))
}

/// A value as text: text itself, anything else as JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The documents in a value.
pub(crate) fn documents(value: &Value) -> Option<Vec<Value>> {
    let value = parsed(value);
    let items = match &value {
        Value::Array(items) => items,
        Value::Object(object) => {
            ["documents", "output", "results"].iter().find_map(|name| object.get(*name)?.as_array())?
        }
        _ => return None,
    };
    Some(items.iter().map(document).collect())
}

/// One document; what is no document becomes the text of one.
pub(crate) fn document(item: &Value) -> Value {
    let Some(object) = item.as_object() else { return json!({"content": text(item), "metadata": {}}) };
    let fields = object.get("kwargs").and_then(Value::as_object).unwrap_or(object);
    let Some(content) = ["content", "page_content", "text", "document"].iter().find_map(|name| fields.get(*name))
    else {
        return json!({"content": item.to_string(), "metadata": {}});
    };
    let mut metadata = Map::new();
    let given = fields.get("metadata").map(parsed);
    let extra = fields.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "content" | "page_content" | "text" | "document" | "metadata" | "type")
    });
    for (name, value) in given.as_ref().and_then(Value::as_object).into_iter().flatten().chain(extra) {
        let value = match value {
            Value::Null => continue,
            Value::Array(_) | Value::Object(_) => Value::String(value.to_string()),
            plain => plain.clone(),
        };
        metadata.entry(name.clone()).or_insert(value);
    }
    json!({"content": text(content), "metadata": metadata})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_form_of_messages_becomes_the_same() {
        let expected = json!([{"role": "system", "content": "be short"}, {"role": "user", "content": "hi"}]);
        for (given, why) in [
            (expected.clone(), "chat form"),
            (json!({"messages": expected}), "wrapped"),
            (json!({"messages": [expected]}), "a batch of one"),
            (json!(expected.to_string()), "as text"),
            (
                json!([{"role": "system", "parts": [{"type": "text", "content": "be short"}]}, {"role": "user", "parts": [{"type": "text", "content": "hi"}]}]),
                "parts",
            ),
            (json!([["system", "be short"], ["human", "hi"]]), "pairs"),
            (
                json!([{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "SystemMessage"], "kwargs": {"content": "be short"}}, {"type": "human", "data": {"content": "hi"}}]),
                "LangChain",
            ),
            (
                json!([{"type": "system", "content": "be short"}, {"type": "human", "content": [{"type": "text", "text": "hi"}]}]),
                "LangChain, short",
            ),
        ] {
            assert_eq!(messages(&given, "user").map(Value::Array), Some(expected.clone()), "{why}");
        }
    }

    #[test]
    fn every_known_form_of_an_answer_becomes_the_same() {
        let expected = json!([{"role": "assistant", "content": "", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}]);
        for (given, why) in [
            (
                json!({"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}}]}),
                "a completion",
            ),
            (
                json!([{"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}]}]),
                "parts",
            ),
            (
                json!({"generations": [[{"text": "", "message": {"lc": 1, "id": ["AIMessage"], "kwargs": {"content": "", "tool_calls": [{"id": "c", "name": "f", "args": {"a": 1}}]}}}]]}),
                "LangChain",
            ),
            (
                json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]}),
                "Anthropic",
            ),
        ] {
            assert_eq!(messages(&given, "assistant").map(Value::Array), Some(expected.clone()), "{why}");
        }
        assert_eq!(
            messages(&json!("plain"), "assistant"),
            Some(vec![json!({"role": "assistant", "content": "plain"})])
        );
        assert_eq!(messages(&json!({"other": 1}), "assistant"), None);
    }

    #[test]
    fn a_tool_result_names_the_call_that_it_answers() {
        let given = json!([{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c0", "response": "21"}]}]);
        assert_eq!(
            messages(&given, "user"),
            Some(vec![json!({"role": "tool", "content": "21", "tool_call_id": "c0"})])
        );
    }

    #[test]
    fn documents_keep_score_and_id_as_metadata() {
        let given = json!([{"page_content": "Io", "metadata": {"page": 1, "deep": {"a": 1}}, "score": 0.5, "id": "d"}, "Europa", {"x": 1}]);
        let expected = json!([{"content": "Io", "metadata": {"page": 1, "deep": "{\"a\":1}", "score": 0.5, "id": "d"}}, {"content": "Europa", "metadata": {}}, {"content": "{\"x\":1}", "metadata": {}}]);
        assert_eq!(documents(&given).map(Value::Array), Some(expected));
    }
}
