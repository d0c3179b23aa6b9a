//! Requests and answers as the providers document them, whole and streamed.

use super::*;

fn streamed(api: Api, events: &[Value]) -> Answer {
    let mut stream = api.stream();
    for event in events {
        stream.event(&event.to_string());
    }
    stream.answer()
}

#[test]
fn endpoints_are_known_by_the_end_of_their_path() {
    for (uri, api) in [
        ("https://api.openai.com/v1/chat/completions", Some(Api::Chat)),
        ("https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1", Some(Api::Chat)),
        ("http://localhost:1/v1/responses", Some(Api::Responses)),
        ("https://api.anthropic.com/v1/messages", Some(Api::Messages)),
        ("https://api.anthropic.com/v1/messages/batches", None),
        ("https://chat.example.com/api/messages", None),
        ("https://api.openai.com/v1/models", None),
    ] {
        assert_eq!(Api::of(&uri.parse().unwrap()), api, "{uri}");
    }
}

#[test]
fn providers_are_known_by_their_hosts() {
    for (api, host, provider) in [
        (Api::Chat, "api.openai.com", "openai"),
        (Api::Chat, "mine.openai.azure.com", "azure.ai.openai"),
        (Api::Chat, "api.groq.com", "groq"),
        (Api::Chat, "api.x.ai", "x_ai"),
        (Api::Chat, "notx.ai", "openai"),
        (Api::Chat, "us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        (Api::Messages, "localhost", "anthropic"),
        (Api::Responses, "127.0.0.1", "openai"),
    ] {
        assert_eq!(api.provider(host), provider, "{host}");
    }
}

#[test]
fn requests_of_each_api_become_messages() {
    let user = json!({"role": "user", "content": "hi"});
    let system = json!({"role": "system", "content": "be short"});
    for (api, body, messages) in [
        (Api::Chat, json!({"model": "m", "messages": [user]}), json!([user])),
        (Api::Responses, json!({"model": "m", "input": "hi"}), json!([user])),
        (Api::Responses, json!({"model": "m", "instructions": "be short", "input": [user]}), json!([system, user])),
        (Api::Messages, json!({"model": "m", "system": "be short", "messages": [user]}), json!([system, user])),
    ] {
        let asked = api.read_request(body);
        assert_eq!((asked.model.as_deref(), asked.messages), (Some("m"), messages), "{api:?}");
    }
}

#[test]
fn parameters_and_tools_are_read() {
    let asked = Api::Chat.read_request(json!({
        "model": "m", "messages": [], "temperature": 0.5, "max_tokens": 9, "stream": true,
        "tools": [{"type": "function", "function": {"name": "f"}}]
    }));
    assert_eq!((asked.temperature, asked.stream), (Some(0.5), true));
    assert_eq!(asked.limits, [("max_tokens", json!(9))]);
    assert_eq!(asked.tools, Some(json!([{"type": "function", "function": {"name": "f"}}])));
}

#[test]
fn a_chat_completion_reads_the_same_whole_and_streamed() {
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 2}});
    let whole = Api::Chat.read_answer(json!({
        "id": "r1", "model": "m-1", "usage": usage,
        "choices": [{"index": 0, "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": "well", "tool_calls": [call]}}]
    }));
    let piece = |delta: Value, reason: Value| json!({"id": "r1", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let parts = streamed(
        Api::Chat,
        &[
            piece(json!({"role": "assistant", "content": ""}), Value::Null),
            piece(json!({"content": "we"}), Value::Null),
            piece(json!({"content": "ll"}), Value::Null),
            piece(
                json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{\"a\""}}]}),
                Value::Null,
            ),
            piece(json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}), Value::Null),
            piece(json!({}), json!("tool_calls")),
            json!({"id": "r1", "model": "m-1", "choices": [], "usage": usage}),
        ],
    );
    assert_eq!(whole, parts);
    assert_eq!(whole.message, json!({"role": "assistant", "content": "well", "tool_calls": [call]}));
    let usage = Usage {
        input: Some(9),
        output: Some(4),
        total: Some(13),
        cached: Some(8),
        cache_write: None,
        reasoning: Some(2),
    };
    assert_eq!((whole.usage, whole.finish_reason.as_deref()), (usage, Some("tool_calls")));
}

#[test]
fn a_response_reads_the_same_whole_and_streamed() {
    let body = json!({
        "id": "r1", "model": "m-1", "status": "completed",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "well"}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
        ],
        "usage": {"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}
    });
    let whole = Api::Responses.read_answer(body.clone());
    let parts = streamed(
        Api::Responses,
        &[
            json!({"type": "response.created", "response": {"id": "r1"}}),
            json!({"type": "response.output_text.delta", "delta": "well"}),
            json!({"type": "response.completed", "response": body}),
        ],
    );
    assert_eq!(whole, parts);
    assert_eq!(
        whole.message,
        json!({"role": "assistant", "content": [
            {"type": "reasoning", "content": "hm"},
            {"type": "output_text", "text": "well"},
            {"type": "tool_call", "id": "c1", "name": "f", "arguments": "{}"}
        ]})
    );
    assert_eq!((whole.usage.total, whole.usage.cached), (Some(5), Some(1)));
}

#[test]
fn anthropics_message_reads_the_same_whole_and_streamed() {
    let content = json!([
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "well"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}
    ]);
    let whole = Api::Messages.read_answer(json!({
        "id": "m1", "model": "claude", "role": "assistant", "stop_reason": "tool_use", "content": content,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 7}
    }));
    let parts = streamed(
        Api::Messages,
        &[
            json!({"type": "message_start", "message": {"id": "m1", "model": "claude", "usage":
                {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "ping"}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "well"}}),
            json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "c1", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":"}}),
            json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}}),
            json!({"type": "message_stop"}),
        ],
    );
    assert_eq!(whole, parts);
    assert_eq!(whole.message, json!({"role": "assistant", "content": content}));
    let counts =
        (whole.usage.input, whole.usage.output, whole.usage.total, whole.usage.cached, whole.usage.cache_write);
    assert_eq!(counts, (Some(10), Some(7), Some(17), Some(3), Some(2)), "what came from the cache is input too");
}

#[test]
fn errors_are_read_in_every_form() {
    let failure = |kind: &str, message: &str| Some(Failure { kind: kind.into(), message: message.into() });
    for (body, expected) in [
        (json!({"error": {"message": "slow down", "type": "rate_limit"}}), failure("rate_limit", "slow down")),
        (
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
            failure("overloaded_error", "busy"),
        ),
        (json!({"error": "model not found"}), failure("", "model not found")),
        (json!({"error": {"odd": 1}}), failure("", "{\"odd\":1}")),
        (json!({"error": null}), None),
    ] {
        assert_eq!(Api::Chat.read_answer(body.clone()).error, expected, "{body}");
    }
    let broken =
        streamed(Api::Messages, &[json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})]);
    assert_eq!(broken.error, failure("overloaded_error", "busy"));
}

#[test]
fn a_stream_that_breaks_off_keeps_what_came() {
    let cut = streamed(Api::Responses, &[json!({"type": "response.output_text.delta", "delta": "we"})]);
    assert_eq!((cut.message, cut.ended), (json!({"role": "assistant", "content": "we"}), false));
    let cut = streamed(Api::Chat, &[json!({"choices": [{"delta": {"content": "we"}}]})]);
    assert_eq!((cut.message, cut.ended), (json!({"role": "assistant", "content": "we"}), false));
}

#[test]
fn damage_is_left_out_and_never_panics() {
    let odd = [
        json!(null),
        json!([]),
        json!("x"),
        json!(7),
        json!({}),
        json!({"choices": 7}),
        json!({"choices": ["x", {"message": 7}, {"delta": "x", "index": -1}]}),
        json!({"choices": [{"index": 4_000_000_000u64, "delta": {"content": "x", "tool_calls": ["x", {"index": 1e9}]}}]}),
        json!({"output": ["x", 7, {"content": "x"}]}),
        json!({"content": "x", "usage": "x"}),
        json!({"type": "message_start", "message": "x"}),
        json!({"type": "content_block_start", "index": "x"}),
        json!({"type": "content_block_start", "index": 0, "content_block": "x"}),
        json!({"type": "content_block_delta", "index": 0, "delta": 7}),
        json!({"type": "message_delta", "usage": {"a": 1}}),
        json!({"type": "response.completed", "response": "x"}),
        json!({"type": "error"}),
        json!({"type": 7}),
    ];
    for api in [Api::Chat, Api::Responses, Api::Messages] {
        for body in &odd {
            let _ = api.read_request(body.clone());
            let _ = api.read_answer(body.clone());
        }
        let _ = streamed(api, &odd);
    }
}
