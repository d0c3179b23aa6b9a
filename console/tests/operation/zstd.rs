//! Bodies that senders compressed with zstd.

use std::io::Read as _;

use reqwest::StatusCode;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::json;

use crate::support::Console;

async fn send(console: &Console, body: Vec<u8>) -> StatusCode {
    let request = console.client.post(console.url("/v1/traces")).header("content-type", "application/json");
    request.header("content-encoding", "zstd").body(body).send().await.unwrap().status()
}

/// c8 and f67: what zstd makes of a few bytes is bounded as well.
#[tokio::test(flavor = "multi_thread")]
async fn zstd_is_inflated_and_bounded() {
    let console = Console::start().await;
    let span = |id: &str| json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": id, "name": "s", "startTimeUnixNano": "1", "endTimeUnixNano": "2"});
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span("00f067aa0ba902b7")]}]}]}).to_string();
    let compress = |bytes: &[u8]| compress_to_vec(bytes, CompressionLevel::Fastest);
    assert_eq!(send(&console, compress(body.as_bytes())).await, StatusCode::OK);
    // Two frames are one body.
    let (first, second) = body.split_at(body.len() / 2);
    assert_eq!(
        send(&console, [compress(first.as_bytes()), compress(second.as_bytes())].concat()).await,
        StatusCode::OK
    );
    let view = console.get("/api/console/traces/0af76519-16cd-43dd-8448-eb211c80319c").await;
    assert_eq!(view["summary"]["span_count"], 1);
    let mut bomb = Vec::new();
    std::io::repeat(b' ').take(64 << 20).read_to_end(&mut bomb).unwrap();
    let small = compress(&bomb);
    assert!(small.len() < 1 << 20, "{}", small.len());
    assert_eq!(send(&console, small).await, StatusCode::PAYLOAD_TOO_LARGE);
    let cut = compress(body.as_bytes());
    for (body, why) in [
        (b"no zstd".to_vec(), "garbage"),
        (cut[..cut.len() / 2].to_vec(), "cut"),
        ([cut, vec![1, 2, 3]].concat(), "garbage behind a frame"),
    ] {
        assert_eq!(send(&console, body).await, StatusCode::BAD_REQUEST, "{why}");
    }
    assert_eq!(console.get("/info").await["instance_flags"]["zstd_compression_enabled"], true);
}
