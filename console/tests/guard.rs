//! Who may ask, how much a body may hold, and what every answer carries.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use galileo_console::Config;
use reqwest::header::{HOST, ORIGIN};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Console, PROJECT, SPAN, TRACE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The status of a request written by hand, which clients refuse to send.
async fn raw(console: &Console, request: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", console.port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 16];
    stream.read_exact(&mut answer).await.unwrap();
    std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn only_our_own_names_are_taken_for_a_host() {
    let console = Console::start().await;
    let port = console.port;
    for (host, expected, why) in [
        (format!("127.0.0.1:{port}"), 200, "ours"),
        (format!("localhost:{port}"), 200, "ours"),
        (format!("LOCALHOST:{port}"), 200, "names have no case"),
        (format!("[::1]:{port}"), 200, "ours"),
        ("127.0.0.1".to_owned(), 421, "port 80 is not ours"),
        (format!("127.0.0.1:{}", port ^ 1), 421, "another port"),
        (format!("localhost.:{port}"), 421, "a trailing dot"),
        (format!("evil.example:{port}"), 421, "rebinding"),
        (format!("127.0.0.1.evil.example:{port}"), 421, "looks like ours"),
        (format!("0.0.0.0:{port}"), 421, "any address"),
        (format!("2130706433:{port}"), 421, "decimal"),
        (format!("0177.0.0.1:{port}"), 421, "octal"),
        (format!("127.1:{port}"), 421, "short"),
        (format!("user@localhost:{port}"), 421, "user part"),
        (String::new(), 421, "empty"),
    ] {
        for path in ["/healthcheck", "/", "/nowhere"] {
            let status =
                raw(&console, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
            let expected = if path == "/nowhere" && expected == 200 { 404 } else { expected };
            assert_eq!(status, expected, "{host} {path}: {why}");
        }
    }
    let two = format!(
        "GET /healthcheck HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    );
    assert!(matches!(raw(&console, &two).await, 400 | 421), "two hosts");
    let none = "GET /healthcheck HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert!(matches!(raw(&console, none).await, 400 | 421), "no host");
    let absolute =
        format!("GET http://evil.example/healthcheck HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    assert!(matches!(raw(&console, &absolute).await, 400 | 421), "another host in the target");
    console.stop().await;
}

#[tokio::test]
async fn a_further_name_is_taken_when_it_was_configured() {
    let console = Console::with(Config { hosts: vec!["traces.internal".into()], ..Config::default() }).await;
    let ask = async |host: &str| {
        console.client.get(console.url("/healthcheck")).header(HOST, host).send().await.unwrap().status()
    };
    assert_eq!(ask("traces.internal").await, StatusCode::OK);
    assert_eq!(ask("traces.internal:8443").await, StatusCode::OK);
    assert_eq!(ask("other.internal").await, StatusCode::MISDIRECTED_REQUEST);
    console.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_and_told_nothing() {
    let console = Console::start().await;
    let own = console.url("");
    for (header, value, expected) in [
        (ORIGIN.as_str(), own.as_str(), StatusCode::OK),
        (ORIGIN.as_str(), "http://evil.example", StatusCode::FORBIDDEN),
        (ORIGIN.as_str(), "null", StatusCode::FORBIDDEN),
        (ORIGIN.as_str(), "http://127.0.0.1:1", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "same-origin", StatusCode::OK),
        ("sec-fetch-site", "none", StatusCode::OK),
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
    ] {
        let response = console.client.get(console.url("/healthcheck")).header(header, value).send().await.unwrap();
        assert_eq!(response.status(), expected, "{header}: {value}");
        assert!(
            response.headers().keys().all(|name| !name.as_str().starts_with("access-control-")),
            "no word of sharing"
        );
    }
    let preflight = console
        .client
        .request(Method::OPTIONS, console.url("/v2/projects"))
        .header(ORIGIN, "http://evil.example")
        .header("access-control-request-method", "POST");
    assert_eq!(preflight.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    console.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_protective_headers() {
    let console = Console::start().await;
    for path in ["/", "/healthcheck", "/nowhere"] {
        let response = console.client.get(console.url(path)).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(
            (header("x-content-type-options"), header("referrer-policy")),
            ("nosniff".into(), "no-referrer".into()),
            "{path}"
        );
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
    }
    console.stop().await;
}

#[tokio::test]
async fn with_a_token_everything_but_health_and_login_needs_it() {
    let token = "0123456789abcdef0123";
    let console = Console::with(Config { token: Some(token.into()), ..Config::default() }).await;
    let ask = async |name: &str, value: &str| {
        console.client.get(console.url("/current_user")).header(name, value).send().await.unwrap().status()
    };
    assert_eq!(ask("x-nothing", "").await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("galileo-api-key", "0123456789abcdef0124").await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        ask("authorization", "Bearer a.b.bG9jYWw").await,
        StatusCode::UNAUTHORIZED,
        "the secret of a console without a token"
    );
    for (name, value) in [
        ("galileo-api-key", token.to_owned()),
        ("authorization", format!("Bearer {token}")),
        ("cookie", format!("a=b; galileo_console_token={token}")),
    ] {
        assert_eq!(ask(name, &value).await, StatusCode::OK, "{name}");
    }
    assert!(console.get("/healthcheck").await.is_object());
    let (status, _) = console.send(Method::POST, "/login/api_key", &json!({"api_key": "wrong"})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let login = console.post("/login/api_key", json!({"api_key": token})).await;
    assert_eq!(
        ask("authorization", &format!("Bearer {}", login["access_token"].as_str().unwrap())).await,
        StatusCode::OK
    );
    console.stop().await;
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As Python's clients do: they look for an answer when all is written.
#[tokio::test]
async fn a_sender_of_too_much_hears_so_and_is_not_cut_off() {
    let console = Console::start().await;
    let size = 64 * 1024 * 1024;
    let request = format!(
        "POST /v2/projects/{PROJECT}/spans HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {size}\r\n\r\n{}",
        console.port,
        " ".repeat(size)
    );
    assert_eq!(raw(&console, &request).await, 413);
}

#[tokio::test]
async fn bodies_may_be_gzip_and_are_bounded_before_and_after_inflation() {
    let console = Console::start().await;
    let spans = console.url(&format!("/v2/projects/{PROJECT}/spans"));
    let send = async |encoding: Option<&str>, body: Vec<u8>| {
        let mut request = console.client.post(&spans).header("content-type", "application/json").body(body);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        request.send().await.unwrap().status()
    };
    let body = json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [{"type": "tool", "id": SPAN}]})
        .to_string()
        .into_bytes();
    assert_eq!(send(Some("gzip"), gzip(&body)).await, StatusCode::OK);
    assert_eq!(send(Some("identity"), body.clone()).await, StatusCode::OK);
    assert_eq!(send(Some("gzip"), body.clone()).await, StatusCode::BAD_REQUEST, "not gzip");
    assert_eq!(send(Some("br"), body.clone()).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        send(Some("gzip, gzip"), gzip(&gzip(&body))).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "one layer only"
    );
    let mut large = body.clone();
    large.resize(20 * 1024 * 1024 + 1, b' ');
    assert_eq!(send(Some("gzip"), gzip(&large)).await, StatusCode::PAYLOAD_TOO_LARGE);
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert_eq!(send(Some("gzip"), bomb).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(None, large).await, StatusCode::PAYLOAD_TOO_LARGE);
    let deep = format!("{{\"traces\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(send(None, deep.into_bytes()).await, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = console.client.post(&spans).header("content-type", "text/plain").body(body);
    assert_eq!(
        wrong.send().await.unwrap().status(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "what a foreign form may send"
    );
    console.stop().await;
}

#[tokio::test]
async fn errors_name_no_path_and_no_sql() {
    let console = Console::start().await;
    let (status, answer) =
        console.send(Method::GET, &format!("/v2/projects/{PROJECT}/traces/{TRACE}"), &Value::Null).await;
    assert_eq!((status, &answer), (StatusCode::NOT_FOUND, &json!({"detail": "trace not found"})));
    console.stop().await;
}

#[tokio::test]
async fn a_console_stops_although_a_page_still_listens_for_changes() {
    let console = Console::start().await;
    let stream = console.client.get(console.url("/events")).send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let stopped = tokio::time::timeout(std::time::Duration::from_secs(20), console.stop()).await;
    assert!(stopped.is_ok());
}
