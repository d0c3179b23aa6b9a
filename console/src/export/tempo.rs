//! Tempo's JSON: OTLP under `batches`, ids in base64 and enums by name, because Tempo writes its protobuf messages with the general
//! rules of protobuf's JSON instead of OTLP's own.

use serde_json::{Value, json};

use crate::ingest::otlp::base64;
use crate::ingest::otlp::proto::ExportRequest;

/// The answer of `GET /api/traces/{id}`.
pub(crate) fn trace(request: &ExportRequest) -> Value {
    let mut batches = serde_json::to_value(&request.resource_spans).unwrap_or_else(|_| json!([]));
    let spans = batches
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(|batch| batch["scopeSpans"].as_array_mut())
        .flatten()
        .filter_map(|scope| scope["spans"].as_array_mut())
        .flatten();
    for span in spans {
        ids(span);
        span["kind"] = json!(match span["kind"].as_i64() {
            Some(1) => "SPAN_KIND_INTERNAL",
            Some(2) => "SPAN_KIND_SERVER",
            Some(3) => "SPAN_KIND_CLIENT",
            Some(4) => "SPAN_KIND_PRODUCER",
            Some(5) => "SPAN_KIND_CONSUMER",
            _ => "SPAN_KIND_UNSPECIFIED",
        });
        if let Some(status) = span.get_mut("status").filter(|status| status.is_object()) {
            status["code"] = json!(match status["code"].as_i64() {
                Some(1) => "STATUS_CODE_OK",
                Some(2) => "STATUS_CODE_ERROR",
                _ => "STATUS_CODE_UNSET",
            });
        }
        span.get_mut("links").and_then(Value::as_array_mut).into_iter().flatten().for_each(ids);
    }
    json!({ "batches": batches })
}

fn ids(object: &mut Value) {
    for name in ["traceId", "spanId", "parentSpanId"] {
        if let Some(text) = object.get(name).and_then(Value::as_str) {
            let bytes: Vec<u8> = (0..text.len() / 2)
                .filter_map(|index| u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok())
                .collect();
            object[name] = json!(base64(&bytes));
        }
    }
}
