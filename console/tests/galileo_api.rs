//! The Galileo API over a socket, as the contract and the published schema have it.

#![allow(clippy::unwrap_used)]

mod support;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Console, PROJECT, SPAN, TRACE};

const CHILD: &str = "44444444-4444-4444-8444-444444444402";

#[tokio::test]
async fn what_is_not_there_is_refused_with_a_detail() {
    let console = Console::start().await;
    for (method, path, status, detail) in [
        (Method::DELETE, "/v2/projects", StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
        (Method::POST, "/healthcheck", StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
        (Method::GET, "/v3/projects", StatusCode::NOT_FOUND, "Not Found"),
    ] {
        let answer = console.client.request(method, console.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers().contains_key("allow"), status == StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({"detail": detail}), "{path}");
    }
}

#[tokio::test]
async fn a_client_starts_up_as_the_reference_sdk_does() {
    let console = Console::start().await;
    assert!(console.get("/healthcheck").await["api_version"].is_string());
    let login = console.post("/login/api_key", json!({"api_key": "any"})).await;
    let token = login["access_token"].as_str().unwrap();
    assert_eq!((token.split('.').count(), login["token_type"].as_str()), (3, Some("bearer")));
    let form = console
        .client
        .post(console.url("/login"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=u&password=p&auth_method=email");
    assert_eq!(form.send().await.unwrap().status(), StatusCode::OK);
    assert!(
        console.post("/login/social", json!({"id_token": "t", "provider": "google"})).await["access_token"].is_string()
    );
    assert!(console.post("/refresh_token", json!({})).await["access_token"].is_string());
    assert!(console.get("/get-token").await["access_token"].is_string());
    assert!(
        console.get("/current_user").await["id"].as_str().unwrap().chars().nth(14) == Some('4'),
        "a UUID version 4"
    );

    assert_eq!(console.get("/projects?project_name=p&type=gen_ai").await, json!([]));
    let project = console
        .post(
            "/projects",
            json!({"name": "p", "created_by": null, "type": "gen_ai", "create_example_templates": false}),
        )
        .await;
    let again = console.post("/projects", json!({"name": "p"})).await;
    assert_eq!(project["id"], again["id"], "services that start together get the same project");
    assert_eq!(console.get("/projects?project_name=p&type=gen_ai").await[0]["id"], project["id"]);
    let id = project["id"].as_str().unwrap();
    let mut names = Vec::new();
    for n in 0..5 {
        names.push(format!("stream {n}"));
        console.post(&format!("/projects/{id}/log_streams"), json!({"name": names[n]})).await;
    }
    let mut seen = Vec::new();
    let mut next = json!(0);
    while !next.is_null() {
        let page = console
            .get(&format!("/projects/{id}/log_streams/paginated?include_counts=false&starting_token={next}&limit=2"))
            .await;
        assert_eq!(page["paginated"], json!(!page["next_starting_token"].is_null()));
        seen.extend(
            page["log_streams"].as_array().unwrap().iter().map(|stream| stream["name"].as_str().unwrap().to_owned()),
        );
        next = page["next_starting_token"].clone();
    }
    assert_eq!(seen, names);
    assert_eq!(console.get("/ingest/healthz").await["status"], "ok");
    console.stop().await;
}

#[tokio::test]
async fn every_answer_says_that_late_metadata_may_come_by_a_second_create() {
    let console = Console::start().await;
    for path in ["/healthcheck", "/nothing", &format!("/v2/projects/{PROJECT}/traces/{TRACE}")] {
        let response = console.client.get(console.url(path)).send().await.unwrap();
        assert_eq!(response.headers()["x-galileo-console"], "upsert", "{path}");
    }
    console.stop().await;
}

#[tokio::test]
async fn a_trace_in_distributed_mode_is_read_back_nested() {
    let console = Console::start().await;
    let spans = format!("/v2/projects/{PROJECT}/spans");
    // The child first, as the reference SDK often does.
    let answer = console
        .post(&spans, json!({"trace_id": TRACE, "parent_id": SPAN, "reliable": true, "spans": [{
            "type": "llm", "id": CHILD, "name": "model", "input": [{"role": "user", "content": "q"}], "output": {"role": "assistant", "content": "a"},
            "created_at": "2026-01-01T00:00:01.000000Z", "metrics": {"duration_ns": 5, "num_input_tokens": 2}, "model": "m", "temperature": 0.5}]}))
        .await;
    assert_eq!(
        (&answer["records_count"], &answer["trace_id"], &answer["parent_id"]),
        (&json!(1), &json!(TRACE), &json!(SPAN))
    );
    let stub = console.get(&format!("/v2/projects/{PROJECT}/traces/{TRACE}")).await;
    assert_eq!(
        (&stub["type"], &stub["id"], &stub["spans"][0]["id"]),
        (&json!("stub_trace"), &json!(TRACE), &json!(CHILD)),
        "only spans refer to it so far"
    );

    console
        .patch(
            &format!("/v2/projects/{PROJECT}/spans/{SPAN}"),
            json!({"span_id": SPAN, "output": "done", "duration_ns": 7, "status_code": 200, "tags": ["late"]}),
        )
        .await;
    console.post(&spans, json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [{"type": "workflow", "id": SPAN, "name": "w", "input": "q", "output": null, "created_at": "2026-01-01T00:00:00Z"}]})).await;
    let answer = console
        .post(&format!("/v2/projects/{PROJECT}/traces"), json!({"is_complete": false, "traces": [{"type": "trace", "id": TRACE, "name": "t", "input": "q", "created_at": "2026-01-01T00:00:00.5Z", "spans": []}]}))
        .await;
    assert_eq!(
        (&answer["traces_count"], &answer["spans_count"], &answer["trace_ids"]),
        (&json!(1), &json!(0), &json!([TRACE]))
    );
    let read = async || console.get(&format!("/v2/projects/{PROJECT}/traces/{TRACE}")).await;
    assert_eq!(read().await["is_complete"], json!(false));
    console
        .patch(
            &format!("/v2/projects/{PROJECT}/traces/{TRACE}"),
            json!({"trace_id": TRACE, "output": "out", "is_complete": true, "duration_ns": 9}),
        )
        .await;

    let trace = read().await;
    assert_eq!(trace["created_at"], json!("2026-01-01T00:00:00.500000Z"), "its own, although a span began before it");
    assert_eq!(
        (&trace["type"], &trace["output"], &trace["is_complete"], &trace["num_spans"]),
        (&json!("trace"), &json!("out"), &json!(true), &json!(2))
    );
    let workflow = &trace["spans"][0];
    assert_eq!(
        (&workflow["id"], &workflow["parent_id"], &workflow["output"]),
        (&json!(SPAN), &json!(TRACE), &json!("done"))
    );
    assert_eq!(
        (&workflow["metrics"]["duration_ns"], &workflow["status_code"], &workflow["tags"]),
        (&json!(7), &json!(200), &json!(["late"]))
    );
    let llm = &workflow["spans"][0];
    assert_eq!((&llm["id"], &llm["parent_id"], &llm["model"]), (&json!(CHILD), &json!(SPAN), &json!("m")));
    assert_eq!(
        (&llm["input"][0]["content"], &llm["output"]["role"], &llm["metrics"]["num_input_tokens"]),
        (&json!("q"), &json!("assistant"), &json!(2))
    );
    let alone = console.get(&format!("/v2/projects/{PROJECT}/spans/{CHILD}")).await;
    assert_eq!(
        (&alone["id"], &alone["trace_id"], &alone["created_at"]),
        (&json!(CHILD), &json!(TRACE), &json!("2026-01-01T00:00:01.000000Z"))
    );
    console.stop().await;
}

#[tokio::test]
async fn the_ingest_service_takes_the_same_bodies_without_nulls() {
    let console = Console::start().await;
    let body = json!({"reliable": false, "traces": [{"type": "trace", "id": TRACE, "name": "t", "input": "q", "metrics": {}, "spans": [{"type": "tool", "id": SPAN, "input": "i", "output": "o", "metrics": {}}]}]});
    let answer = console.post(&format!("/ingest/traces/{PROJECT}"), body).await;
    assert_eq!((&answer["records_count"], &answer["spans_count"]), (&json!(2), &json!(1)));
    console
        .post(
            &format!("/ingest/spans/{PROJECT}"),
            json!({"trace_id": TRACE, "parent_id": SPAN, "spans": [{"type": "tool", "id": CHILD}]}),
        )
        .await;
    let trace = console.get(&format!("/projects/{PROJECT}/traces/{TRACE}")).await;
    assert_eq!(trace["spans"][0]["spans"][0]["id"], json!(CHILD), "without /v2 too");
    console.stop().await;
}

#[tokio::test]
async fn broken_requests_get_findings_with_their_place() {
    let console = Console::start().await;
    let traces = format!("/v2/projects/{PROJECT}/traces");
    let spans = format!("/v2/projects/{PROJECT}/spans");
    let span = |span: Value| json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [span]});
    let cases = [
        (Method::POST, traces.as_str(), json!({}), json!(["body", "traces"]), "missing"),
        (Method::POST, &traces, json!({"traces": []}), json!(["body", "traces"]), "too_short"),
        (Method::POST, &traces, json!({"traces": [{"id": "x"}]}), json!(["body", "traces", 0, "id"]), "uuid_parsing"),
        (
            Method::POST,
            &traces,
            json!({"traces": [{"id": "01890a5d-ac96-774b-bcce-b302099a8057"}]}),
            json!(["body", "traces", 0, "id"]),
            "uuid_version",
        ),
        (Method::POST, &traces, json!({"traces": [{"name": 5}]}), json!(["body", "traces", 0, "name"]), "string_type"),
        (
            Method::POST,
            &traces,
            json!({"traces": [{"user_metadata": {"a": 1}}]}),
            json!(["body", "traces", 0, "user_metadata"]),
            "dict_type",
        ),
        (
            Method::POST,
            &traces,
            json!({"traces": [{"created_at": "yesterday"}]}),
            json!(["body", "traces", 0, "created_at"]),
            "datetime_from_date_parsing",
        ),
        (
            Method::POST,
            &traces,
            json!({"traces": [{"spans": [{"type": "tool", "spans": [{"type": "dance"}]}]}]}),
            json!(["body", "traces", 0, "spans", 0, "tool", "spans", 0]),
            "union_tag_invalid",
        ),
        (
            Method::POST,
            &spans,
            json!({"trace_id": TRACE, "spans": [{"type": "tool"}]}),
            json!(["body", "parent_id"]),
            "missing",
        ),
        (Method::POST, &spans, span(json!({"input": "x"})), json!(["body", "spans", 0]), "union_tag_not_found"),
        (
            Method::POST,
            &spans,
            span(json!({"type": "tool", "input": {"a": 1}})),
            json!(["body", "spans", 0, "tool", "input"]),
            "string_type",
        ),
        (
            Method::POST,
            &spans,
            span(json!({"type": "llm", "input": "text"})),
            json!(["body", "spans", 0, "llm", "input"]),
            "list_type",
        ),
        (
            Method::POST,
            &spans,
            span(json!({"type": "llm", "input": [{"content": "x"}]})),
            json!(["body", "spans", 0, "llm", "input", 0, "role"]),
            "missing",
        ),
        (
            Method::POST,
            &spans,
            span(json!({"type": "llm", "output": {"content": "x", "role": "king"}})),
            json!(["body", "spans", 0, "llm", "output", "role"]),
            "enum",
        ),
        (
            Method::POST,
            &spans,
            span(json!({"type": "retriever", "output": [{"content": "x", "score": 1}]})),
            json!(["body", "spans", 0, "retriever", "output", 0]),
            "model_type",
        ),
        (
            Method::POST,
            &spans,
            span(json!({"type": "tool", "metrics": {"duration_ns": 1.5}})),
            json!(["body", "spans", 0, "tool", "metrics", "duration_ns"]),
            "int_type",
        ),
        (
            Method::POST,
            &spans,
            span(json!({"type": "tool", "tags": "a"})),
            json!(["body", "spans", 0, "tool", "tags"]),
            "list_type",
        ),
        (Method::PATCH, &format!("{traces}/{TRACE}"), json!({"output": "x"}), json!(["body", "trace_id"]), "missing"),
        (
            Method::PATCH,
            &format!("{spans}/{SPAN}"),
            json!({"span_id": SPAN, "duration_ns": "long"}),
            json!(["body", "duration_ns"]),
            "int_type",
        ),
        (
            Method::PATCH,
            &format!("{spans}/nothing"),
            json!({"span_id": SPAN}),
            json!(["path", "span_id"]),
            "uuid_parsing",
        ),
        (
            Method::POST,
            "/v2/projects/no/traces",
            json!({"traces": [{}]}),
            json!(["path", "project_id"]),
            "uuid_parsing",
        ),
        (
            Method::POST,
            &format!("{traces}/search"),
            json!({"filters": [{"type": "text", "operator": "eq", "value": "x"}]}),
            json!(["body", "filters", 0, "column_id"]),
            "missing",
        ),
        (
            Method::POST,
            &format!("{traces}/search"),
            json!({"filters": [{"type": "text", "column_id": "1; DROP TABLE spans", "operator": "eq", "value": "x"}]}),
            json!(["body", "filters", 0, "column_id"]),
            "value_error",
        ),
        (
            Method::POST,
            &format!("{traces}/search"),
            json!({"filters": [{"type": "number", "column_id": "status_code", "operator": "like", "value": 1}]}),
            json!(["body", "filters", 0]),
            "value_error",
        ),
        (Method::POST, "/projects", json!({"name": 5}), json!(["body", "name"]), "string_type"),
        (Method::POST, "/login/api_key", json!({}), json!(["body", "api_key"]), "missing"),
    ];
    for (method, path, body, loc, rule) in cases {
        let (status, answer) = console.send(method.clone(), path, &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path} {body}: {answer}");
        let finding = &answer["detail"][0];
        assert_eq!((&finding["loc"], finding["type"].as_str()), (&loc, Some(rule)), "{method} {path} {body}: {answer}");
        assert!(finding["msg"].is_string());
    }
    let raw =
        console.client.post(console.url(&traces)).header("content-type", "application/json").body("{\"traces\":[");
    let answer: Value = raw.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["detail"][0]["type"], "json_invalid");
    assert_eq!(
        console.post(&format!("{traces}/search"), json!({})).await["records"],
        json!([]),
        "nothing of all that was stored"
    );
    console.stop().await;
}

#[tokio::test]
async fn what_real_clients_send_against_the_schema_is_taken() {
    let console = Console::start().await;
    console
        .post_trace(json!({
            "type": "trace", "id": TRACE, "created_at": "2025-01-02T03:04:05.000006",
            "input": [{"type": "text", "text": "look"}, {"type": "data", "modality": "image", "url": "https://example.com/a.png"}]
        }))
        .await;
    let trace = console.get(&format!("/v2/projects/{PROJECT}/traces/{TRACE}")).await;
    assert_eq!(
        (&trace["created_at"], &trace["input"][1]["modality"]),
        (&json!("2025-01-02T03:04:05.000006Z"), &json!("image"))
    );
    let session = console
        .post(
            &format!("/v2/projects/{PROJECT}/sessions"),
            json!({"name": "chat", "external_id": "ext", "user_metadata": {"k": "v"}}),
        )
        .await;
    let search = json!({"filters": [{"type": "text", "name": "external_id", "operator": "eq", "value": "ext"}]});
    let found = console.post(&format!("/v2/projects/{PROJECT}/sessions/search"), search).await;
    assert_eq!((&found["records"][0]["id"], &found["records"][0]["user_metadata"]["k"]), (&session["id"], &json!("v")));
    console.stop().await;
}

#[tokio::test]
async fn searches_filter_sort_and_page_as_published() {
    let console = Console::start().await;
    for n in 0..5_i64 {
        let id = |kind: char| format!("{kind}0000000-0000-4000-8000-00000000000{n}");
        console
            .post_trace(json!({
                "type": "trace", "id": id('a'), "name": format!("trace {n}"), "input": if n == 3 { "100% \"odd\"" } else { "plain" }, "created_at": format!("2026-01-0{}T00:00:00Z", n + 1),
                "status_code": 200 + n, "tags": [format!("tag{n}"), "all"], "user_metadata": {"a.b": n.to_string()}, "external_id": format!("e{n}"),
                "spans": [{"type": "tool", "id": id('b'), "name": "Look", "input": "x", "created_at": format!("2026-01-0{}T00:00:00Z", n + 1), "metrics": {"duration_ns": n * 10}}]
            }))
            .await;
    }
    let names = async |kind: &str, body: Value| -> Vec<String> {
        let found = console.post(&format!("/v2/projects/{PROJECT}/{kind}/search"), body).await;
        found["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["id"].as_str().unwrap()[35..].to_owned())
            .collect()
    };
    let filter = |filter: Value| json!({"filters": [filter], "sort": {"column_id": "created_at", "ascending": true}});
    for (kind, body, expected) in [
        ("traces", json!({}), "43210"),
        ("traces", json!({"sort": {"column_id": "name", "ascending": true}}), "01234"),
        ("traces", filter(json!({"type": "text", "column_id": "name", "operator": "eq", "value": "trace 2"})), "2"),
        (
            "traces",
            filter(
                json!({"type": "text", "column_id": "name", "operator": "eq", "value": "TRACE 2", "case_sensitive": false}),
            ),
            "2",
        ),
        (
            "traces",
            filter(json!({"type": "text", "column_id": "name", "operator": "one_of", "value": ["trace 0", "trace 4"]})),
            "04",
        ),
        (
            "traces",
            filter(json!({"type": "text", "column_id": "name", "operator": "not_in", "value": ["trace 0", "trace 4"]})),
            "123",
        ),
        (
            "traces",
            filter(json!({"type": "text", "column_id": "input", "operator": "contains", "value": "0% \"o"})),
            "3",
        ),
        (
            "traces",
            filter(
                json!({"type": "text", "column_id": "input", "operator": "contains", "value": "P%N", "case_sensitive": false}),
            ),
            "",
        ),
        (
            "traces",
            filter(json!({"type": "number", "column_id": "status_code", "operator": "between", "value": [201, 203]})),
            "123",
        ),
        ("traces", filter(json!({"type": "number", "column_id": "status_code", "operator": "gt", "value": 203})), "4"),
        (
            "traces",
            filter(
                json!({"type": "date", "column_id": "created_at", "operator": "lte", "value": "2026-01-02T00:00:00Z"}),
            ),
            "01",
        ),
        (
            "traces",
            filter(json!({"type": "boolean", "column_id": "is_complete", "operator": "eq", "value": false})),
            "",
        ),
        (
            "traces",
            filter(json!({"type": "collection", "column_id": "tags", "operator": "contains", "value": "tag1"})),
            "1",
        ),
        (
            "traces",
            filter(json!({"type": "collection", "column_id": "tags", "operator": "not_in", "value": ["tag1", "tag2"]})),
            "034",
        ),
        (
            "traces",
            filter(json!({"type": "text", "column_id": "user_metadata.a.b", "operator": "eq", "value": "4"})),
            "4",
        ),
        ("traces", filter(json!({"type": "text", "column_id": "external_id", "operator": "eq", "value": "e4"})), "4"),
        (
            "traces",
            filter(json!({"type": "id", "column_id": "id", "value": "a0000000-0000-4000-8000-000000000001"})),
            "1",
        ),
        (
            "traces",
            json!({"filter_tree": {"or": [{"filter": {"type": "text", "column_id": "name", "operator": "eq", "value": "trace 0"}}, {"not": {"filter": {"type": "number", "column_id": "status_code", "operator": "lt", "value": 204}}}]}}),
            "40",
        ),
        (
            "spans",
            filter(json!({"type": "number", "column_id": "metrics/duration_ns", "operator": "gte", "value": 30})),
            "34",
        ),
        (
            "spans",
            filter(
                json!({"type": "id", "column_id": "trace_id", "operator": "eq", "value": "a0000000-0000-4000-8000-000000000002"}),
            ),
            "2",
        ),
        (
            "spans",
            filter(
                json!({"type": "id", "column_id": "id", "operator": "one_of", "value": ["b0000000-0000-4000-8000-000000000002", "b0000000-0000-4000-8000-000000000003"]}),
            ),
            "23",
        ),
        ("spans", filter(json!({"type": "text", "column_id": "type", "operator": "eq", "value": "llm"})), ""),
    ] {
        assert_eq!(names(kind, body.clone()).await.concat(), expected, "{kind} {body}");
    }
    let mut pages = Vec::new();
    let mut token = json!(0);
    while !token.is_null() {
        let page = console
            .post(&format!("/v2/projects/{PROJECT}/traces/search"), json!({"limit": 2, "starting_token": token}))
            .await;
        pages.push(page["records"].as_array().unwrap().len());
        token = page["next_starting_token"].clone();
    }
    assert_eq!(pages, [2, 2, 1]);
    let other = console.post("/v2/projects/91111111-1111-4111-8111-111111111111/traces/search", json!({})).await;
    assert_eq!(other["records"], json!([]), "of another project");
    console.stop().await;
}
