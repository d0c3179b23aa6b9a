//! LangSmith's run endpoints over a socket.
#![allow(clippy::unwrap_used)]

mod support;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Console, PROJECT};

/// Version 7, as LangSmith makes them: the root run has the id of its trace.
const ROOT: &str = "01a1fcd5-625f-70fa-9d38-460aebc1283c";
const TRACE: &str = "01a1fcd5-625f-40fa-9d38-460aebc1283c";
const MODEL: &str = "01a1fcd5-6281-7000-8000-000000000002";

fn root(more: Value) -> Value {
    let mut run = json!({"id": ROOT, "trace_id": ROOT, "dotted_order": format!("20260101T000000000000Z{ROOT}")});
    run.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    run
}

fn model(more: Value) -> Value {
    let mut run = json!({
        "id": MODEL, "trace_id": ROOT, "parent_run_id": ROOT, "dotted_order": format!("20260101T000000000000Z{ROOT}.20260101T000000100000Z{MODEL}"),
        "session_name": "agents",
    });
    run.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    run
}

fn requests() -> [(&'static str, Value); 4] {
    [
        (
            "post",
            root(
                json!({"name": "pipeline", "run_type": "chain", "start_time": "2026-01-01T00:00:00.000000+00:00", "inputs": {"question": "q"}, "session_name": "agents", "tags": ["t"], "extra": {"metadata": {"thread_id": "chat 1", "n": 5}}}),
            ),
        ),
        (
            "post",
            model(
                json!({"name": "model", "run_type": "llm", "start_time": "2026-01-01T00:00:00.100000", "inputs": {"messages": [[{"lc": 1, "id": ["HumanMessage"], "kwargs": {"content": "q"}}]]}, "extra": {"metadata": {"ls_model_name": "m"}}}),
            ),
        ),
        (
            "patch",
            model(
                json!({"run_type": "llm", "end_time": "2026-01-01T00:00:00.600000", "start_time": "2026-01-01T00:00:00.100000", "outputs": {"generations": [[{"message": {"kwargs": {"content": "a", "usage_metadata": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}, "id": ["AIMessage"]}}]]}}),
            ),
        ),
        (
            "patch",
            root(
                json!({"end_time": "2026-01-01T00:00:01.000000", "start_time": "2026-01-01T00:00:00.000000", "outputs": {"output": "a", "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}, "error": "late failure"}),
            ),
        ),
    ]
}

async fn send(console: &Console, way: &str, (operation, run): &(&'static str, Value)) {
    let status = match way {
        "single" if *operation == "post" => console.send(Method::POST, "/runs", run).await.0,
        "single" => console.send(Method::PATCH, &format!("/runs/{}", run["id"].as_str().unwrap()), run).await.0,
        "batch" => console.send(Method::POST, "/runs/batch", &json!({*operation: [run]})).await.0,
        _ => {
            // As the SDK writes it: large fields are parts of their own.
            let mut head = run.clone();
            let mut body = String::new();
            let id = run["id"].as_str().unwrap();
            let mut part = |name: String, value: &Value| {
                body.push_str(&format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: application/json\r\n\r\n{value}\r\n"))
            };
            let fields: Vec<(&str, Value)> = ["inputs", "outputs", "extra", "error"]
                .into_iter()
                .filter_map(|field| Some((field, head.as_object_mut().unwrap().remove(field)?)))
                .collect();
            part(format!("{operation}.{id}"), &head);
            for (field, value) in fields {
                part(format!("{operation}.{id}.{field}"), &value);
            }
            body.push_str(&format!("--B\r\nContent-Disposition: form-data; name=\"attachment.{id}.picture\"\r\nContent-Type: image/png\r\n\r\n\u{0}\r\n\r\n-\r\n--B--\r\n"));
            let request = console
                .client
                .post(console.url("/runs/multipart"))
                .header("content-type", "multipart/form-data; boundary=B")
                .body(body);
            request.send().await.unwrap().status()
        }
    };
    assert_eq!(status, StatusCode::ACCEPTED, "{way} {operation}");
}

#[tokio::test]
async fn runs_become_one_tree_by_every_way_and_in_any_order() {
    let requests = requests();
    let mut expected = None;
    for way in ["single", "batch", "multipart"] {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let console = Console::start().await;
            for index in order {
                send(&console, way, &requests[index]).await;
            }
            let mut view = console.get(&format!("/api/console/traces/{TRACE}")).await;
            view["summary"]["version"] = json!(0);
            for id in ["project_id", "log_stream_id"] {
                view["summary"][id] = json!(null);
            }
            assert_eq!(&view, expected.get_or_insert(view.clone()), "{way} {order:?}");
            console.stop().await;
        }
    }
    let view = expected.unwrap();
    let (summary, spans) = (&view["summary"], view["spans"].as_array().unwrap());
    assert_eq!(
        (&summary["name"], &summary["project_name"], &summary["open"]),
        (&json!("pipeline"), &json!("agents"), &json!(false))
    );
    assert_eq!(summary["tokens"]["total"], 7, "the root only copies the usage of its model");
    assert_eq!(
        (&spans[0]["name"], &spans[0]["depth"], &spans[0]["outcome"], &spans[0]["error"]),
        (&json!("pipeline"), &json!(0), &json!("error"), &json!("late failure"))
    );
    assert_eq!(
        (&spans[0]["detail"]["output"], &spans[0]["detail"]["metadata"]["n"], &spans[0]["duration_ns"]),
        (&json!("a"), &json!("5"), &json!(1_000_000_000))
    );
    assert_eq!(
        (&spans[1]["name"], &spans[1]["depth"], &spans[1]["type"], &spans[1]["model"]),
        (&json!("model"), &json!(1), &json!("llm"), &json!("m"))
    );
    assert_eq!(spans[1]["detail"]["input"], json!([{"role": "user", "content": "q"}]));
    assert_eq!(spans[1]["detail"]["output"], json!({"role": "assistant", "content": "a"}));
}

#[tokio::test]
async fn a_galileo_service_below_a_run_joins_its_tree() {
    let console = Console::start().await;
    // It got LangSmith's or W3C headers only, so it hangs under the trace and names its true parent.
    let below = json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [{
        "type": "tool", "id": "44444444-4444-4444-8444-444444444401", "name": "rust", "created_at": "2026-01-01T00:00:00.2Z", "metrics": {"duration_ns": 5},
        "user_metadata": {"service.name": "rust", "w3c.parent_id": "9d38460aebc1283c"}}]});
    console.post(&format!("/v2/projects/{PROJECT}/spans"), below).await;
    send(&console, "batch", &requests()[0]).await;
    let view = console.get(&format!("/api/console/traces/{TRACE}")).await;
    assert_eq!(
        (&view["spans"][0]["name"], &view["spans"][1]["name"], &view["spans"][1]["depth"]),
        (&json!("pipeline"), &json!("rust"), &json!(1))
    );
    console.stop().await;
}

#[tokio::test]
async fn what_is_no_run_is_refused_with_a_reason() {
    let console = Console::start().await;
    assert_eq!(console.get("/info").await["batch_ingest_config"]["use_multipart_endpoint"], true);
    for (path, body, why) in [
        ("/runs", json!({"name": "x"}), "no id"),
        ("/runs", json!({"id": MODEL, "parent_run_id": ROOT}), "a parent but no trace"),
        ("/runs/batch", json!({"post": [5]}), "no object"),
    ] {
        assert_eq!(console.send(Method::POST, path, &body).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{why}");
    }
    for body in [
        "",
        "--B",
        "--B\r\n\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"post.x\"\r\n\r\n{}",
        "--B\r\nContent-Disposition: form-data; name=\"post.x\"\r\n\r\n{\r\n--B--",
    ] {
        let request = console
            .client
            .post(console.url("/runs/multipart"))
            .header("content-type", "multipart/form-data; boundary=B")
            .body(body.to_owned());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::BAD_REQUEST, "{body:?}");
    }
    console.stop().await;
}
