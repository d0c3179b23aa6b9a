//! A server of OpenAI's chat-completions form without a model behind it: it asks for every tool that is offered, once, and then answers with
//! what they said.

use std::error::Error;

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Starts it and returns its base address.
pub(crate) async fn start() -> Result<String, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/v1", listener.local_addr()?);
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/v1/chat/completions", post(complete))).await },
    );
    Ok(address)
}

async fn complete(Json(request): Json<Value>) -> Json<Value> {
    let list = |name: &str| request[name].as_array().cloned().unwrap_or_default();
    let said: Vec<String> = list("messages")
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| text(&message["content"]))
        .collect();
    let question = list("messages")
        .iter()
        .filter(|message| message["role"] == "user")
        .map(|message| text(&message["content"]))
        .next_back();
    let word = question.as_deref().and_then(|question| question.split_whitespace().next_back()).unwrap_or_default();
    let word = word.trim_end_matches('?');

    let (message, reason) = if said.is_empty() {
        let calls: Vec<Value> = list("tools")
            .iter()
            .enumerate()
            .map(|(number, tool)| {
                let function =
                    json!({ "name": tool["function"]["name"], "arguments": json!({ "word": word }).to_string() });
                json!({ "id": format!("call_{number}"), "type": "function", "function": function })
            })
            .collect();
        (json!({ "role": "assistant", "content": null, "tool_calls": calls }), "tool_calls")
    } else {
        (json!({ "role": "assistant", "content": said.join(" / ") }), "stop")
    };
    Json(json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [{ "index": 0, "finish_reason": reason, "message": message }],
        "usage": { "prompt_tokens": 40, "completion_tokens": 12, "total_tokens": 52 },
    }))
}

/// The text of a message's content, which may be in parts.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}
