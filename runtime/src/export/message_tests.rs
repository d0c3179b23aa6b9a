//! Messages of every API, read and written.

use super::*;

#[test]
fn messages_of_every_api_become_one_form() {
    let call =
        r#"{"role":"assistant","parts":[{"arguments":{"city":"Pisa"},"id":"c1","name":"weather","type":"tool_call"}]}"#;
    let answer = r#"{"role":"assistant","parts":[{"content":"hi","type":"text"}]}"#;
    for (given, expected, whose) in [
        (
            json!([{"role":"assistant","tool_calls":[{"id":"c1","function":{"name":"weather","arguments":"{\"city\":\"Pisa\"}"}}]}]),
            call,
            "OpenAI chat completions",
        ),
        (
            json!([{"type":"function_call","call_id":"c1","id":"fc_1","name":"weather","arguments":"{\"city\":\"Pisa\"}"}]),
            call,
            "OpenAI responses",
        ),
        (
            json!({"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"weather","input":{"city":"Pisa"}}]}),
            call,
            "Anthropic",
        ),
        (
            json!({"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"weather","arguments":{"city":"Pisa"}}]}),
            call,
            "OpenTelemetry",
        ),
        (json!({"role":"assistant","content":"hi"}), answer, "a single message"),
        (json!({"role":"model","parts":[{"text":"hi"}]}), answer, "Gemini"),
        (
            json!({"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi"}]}),
            answer,
            "OpenAI responses",
        ),
        (json!({"model":"m","messages":[{"role":"assistant","content":"hi"}]}), answer, "a whole request"),
    ] {
        let found = Message::list(&given).unwrap();
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(found.iter().map(Message::to_parts).collect::<Vec<_>>(), [expected], "{whose}: {given}");
    }
}

#[test]
fn a_whole_answer_keeps_its_finish_reason_and_a_request_its_system_text() {
    let answer = json!({"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]});
    assert_eq!(Message::list(&answer).unwrap()[0].finish_reason.as_deref(), Some("stop"));
    let request = json!({"system":[{"type":"text","text":"be short"}],"messages":[{"role":"user","content":"hi"}]});
    let roles: Vec<_> = Message::list(&request).unwrap().into_iter().map(|m| (m.plain_text(), m.role)).collect();
    assert_eq!(roles, [("be short".to_owned(), "system".to_owned()), ("hi".to_owned(), "user".to_owned())]);
}

#[test]
fn what_is_no_message_is_left_alone() {
    for (given, why) in [
        (json!([]), "an empty list"),
        (json!([{"content":"a document"}]), "no role"),
        (json!({"role":"admin"}), "a role and nothing said"),
        (json!([{"role":"user","content":"x"}, 7]), "a list of mixed things"),
        (json!("text"), "text"),
    ] {
        assert_eq!(Message::list(&given), None, "{why}");
    }
}

#[test]
fn galileo_gets_plain_text_with_calls_and_results_beside_it() {
    let list = json!([
        {"role":"assistant","content":"let me see","tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
    ]);
    let found: Vec<Value> = Message::list(&list).unwrap().iter().map(Message::to_galileo).collect();
    assert_eq!(
        found,
        [
            json!({"role":"assistant","content":"let me see","tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"}}]}),
            json!({"role":"tool","content":"a\nb","tool_call_id":"c1"}),
        ]
    );
}

#[cfg(feature = "galileo")]
#[test]
fn pictures_are_parts_between_the_texts() {
    let message = json!({"role": "user", "content": [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]});
    let found: Vec<Value> = Message::list(&message).unwrap().iter().map(Message::to_galileo_parts).collect();
    assert_eq!(
        found,
        [json!({"role": "user", "content": [
            {"type": "text", "text": "what is this?"},
            {"type": "text", "text": "[image_url https://example.com/a.png]"},
        ]})]
    );
}
