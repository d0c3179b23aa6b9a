//! The pages as they leave the server: headers, escaping, pages of a list, events. How they look and answer to keys is the
//! business of `cargo xtask browser`.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};
use support::{Console, SPAN, TRACE};

fn id(kind: u8, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

fn trace(number: usize, name: &str, second: usize) -> Value {
    let start = format!("2026-11-20T10:{:02}:{:02}Z", second / 60, second % 60);
    json!({"type": "trace", "id": id(1, number), "name": name, "input": format!("question {number}"), "created_at": start, "spans": [
        {"type": "workflow", "id": id(2, number), "name": "root", "created_at": start, "metrics": {"duration_ns": 5_000_000}, "user_metadata": {"service.name": "gateway"}}]})
}

async fn html(console: &Console, path: &str) -> (StatusCode, String) {
    let response = console.client.get(console.url(path)).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn every_page_keeps_scripts_and_frames_of_others_out() {
    let console = Console::start().await;
    console.post_trace(trace(1, "ask", 0)).await;
    let trace = id(1, 1);
    let pages = [
        "/",
        "/sessions",
        "/services",
        "/insights",
        "/compare?a=00000001-0000-4000-8000-000000000001",
        "/traces/nonsense",
        "/assets/base.css",
    ];
    let of_trace =
        ["", "/map", "/insights", "/summary", "/rows", "/spans/trace"].map(|view| format!("/traces/{trace}{view}"));
    for path in pages.iter().map(|path| (*path).to_owned()).chain(of_trace) {
        let response = console.client.get(console.url(&path)).send().await.unwrap();
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let policy = header(CONTENT_SECURITY_POLICY.as_str());
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "trusted-types 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {rule} is not in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(name), value, "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn text_of_a_trace_is_escaped_wherever_it_stands() {
    let hostile = "</title><script>x</script>\"'><img src=x onerror=y>\u{202e}";
    let console = Console::start().await;
    let mut trace = json!({"type": "trace", "id": TRACE, "name": hostile, "input": hostile, "output": hostile, "created_at": "2026-11-20T10:00:00Z", "tags": [hostile], "user_metadata": {hostile: hostile}});
    trace["spans"] = json!([{"type": "tool", "id": SPAN, "name": hostile, "input": json!({hostile: [hostile]}).to_string(), "output": hostile, "status_code": 500, "created_at": "2026-11-20T10:00:00Z",
        "tags": [hostile, format!("error={hostile}")], "user_metadata": {"service.name": hostile, hostile: hostile}}]);
    console.post_trace(trace).await;
    for path in [
        "/".to_owned(),
        "/services?range=all".into(),
        "/insights?range=all".into(),
        format!("/traces/{TRACE}"),
        format!("/traces/{TRACE}?span={SPAN}"),
        format!("/traces/{TRACE}/map"),
        format!("/traces/{TRACE}/insights"),
        format!("/compare?a={TRACE}&b={TRACE}"),
        "/?q=</title><script>x</script>\"'><img".into(),
        "/?service=\"><script>x</script>".into(),
    ] {
        let (status, page) = html(&console, &path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!page.contains("<script>x") && !page.contains("<img") && !page.contains("</title><script"), "{path}");
        assert!(!drawn(&page).contains('\u{202e}'), "{path}: a character that reorders text is written out");
    }
}

/// What stands between the tags. Attributes keep the text as it is: for copy buttons, and for filters that must match.
fn drawn(page: &str) -> String {
    page.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text).collect()
}

#[tokio::test]
async fn the_list_comes_in_pages_that_do_not_shift_when_traces_arrive() {
    let console = Console::start().await;
    for number in 0..130 {
        console.post_trace(trace(number, "ask", number)).await;
    }
    let (_, first) = html(&console, "/?service=gateway").await;
    assert_eq!(first.matches("data-id=").count(), 100);
    let older = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert!(older.contains("service=gateway"), "the filter stays: {older}");
    console.post_trace(trace(500, "ask", 500)).await;
    let (_, second) = html(&console, &older).await;
    assert_eq!(second.matches("data-id=").count(), 30, "nothing twice, nothing left out");
    assert!(second.contains(&id(1, 29)) && second.contains(&id(1, 0)) && !second.contains(&id(1, 30)));
}

#[tokio::test]
async fn filters_that_make_no_sense_do_not_break_the_list() {
    let console = Console::start().await;
    console.post_trace(trace(1, "ask", 0)).await;
    for query in [
        "min_ms=x",
        "min_ms=NaN",
        "min_ms=1e400",
        "from=yesterday",
        "project=x",
        "after=x",
        "type=x",
        "status=x",
        "min_tokens=-1",
        "session=%00",
    ] {
        let (status, page) = html(&console, &format!("/?{query}")).await;
        assert_eq!((status, page.matches("data-id=").count()), (StatusCode::OK, 1), "{query}");
    }
}

#[tokio::test]
async fn what_does_not_exist_says_so() {
    let console = Console::start().await;
    for (path, status) in [
        ("/traces/nonsense", 400),
        ("/traces/33333333-3333-4333-8333-333333333333", 404),
        ("/traces/33333333-3333-4333-8333-333333333333/rows", 404),
        ("/traces/33333333-3333-4333-8333-333333333333/spans/trace", 404),
        ("/sessions/33333333-3333-4333-8333-333333333333", 404),
        ("/compare?a=", 400),
        ("/assets/nothing.js", 404),
        ("/assets/..%2f..%2fCargo.toml", 404),
        ("/assets/%2e%2e/Cargo.toml", 404),
    ] {
        assert_eq!(html(&console, path).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn assets_are_checked_by_their_tag_and_not_sent_twice() {
    let console = Console::start().await;
    let first = console.client.get(console.url("/assets/trace.js")).send().await.unwrap();
    assert_eq!(first.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
    assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
    let tag = first.headers()[ETAG].clone();
    let again = console.client.get(console.url("/assets/trace.js")).header(IF_NONE_MATCH, tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_change_is_announced_to_those_who_look_at_that_trace() {
    let console = Console::start().await;
    let mut all = console.client.get(console.url("/events")).send().await.unwrap();
    let mut one = console.client.get(console.url(&format!("/events?trace={}", id(1, 2)))).send().await.unwrap();
    console.post_trace(trace(1, "ask", 0)).await;
    assert!(String::from_utf8_lossy(&all.chunk().await.unwrap().unwrap()).contains(&id(1, 1)));
    console.post_trace(trace(2, "ask", 0)).await;
    let heard = String::from_utf8_lossy(&one.chunk().await.unwrap().unwrap()).into_owned();
    assert!(heard.contains(&id(1, 2)) && !heard.contains(&id(1, 1)), "{heard}");
}

/// Escaping is the template engine's work; this makes sure that nobody works around it.
#[test]
fn no_template_and_no_script_turns_text_into_markup() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let forbidden = [
        (
            "templates",
            &[
                "|safe",
                "| safe",
                " style=",
                "javascript:",
                " onclick",
                " onload",
                " onerror",
                "<script>",
                "http://",
                "https://",
            ][..],
        ),
        (
            "assets",
            &[
                "innerHTML",
                "outerHTML =",
                "insertAdjacentHTML",
                "document.write",
                "DOMParser",
                "createContextualFragment",
                "eval(",
                "new Function",
                "setAttribute(\"on",
                "https://",
                "srcdoc",
            ][..],
        ),
    ];
    let mut looked_at = 0;
    for (folder, words) in forbidden {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if !path.extension().is_some_and(|ending| ending == "html" || ending == "js" || ending == "css") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            looked_at += 1;
            for word in words {
                assert!(!text.contains(word), "{}: `{word}`", path.display());
            }
        }
    }
    assert!(looked_at > 20, "{looked_at} files");
}
