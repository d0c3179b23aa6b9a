//! Pictures, sounds and files inside of messages, in words: the published form of a message knows text and the ids of files that were
//! uploaded, and nothing else.

use crate::model::SpanId;
use serde_json::{Value, json};

/// Where the APIs of models keep an address.
const ADDRESSES: [&str; 8] = [
    "/image_url/url",
    "/image_url",
    "/url",
    "/uri",
    "/source/url",
    "/file_url",
    "/fileData/fileUri",
    "/file_data/file_uri",
];
/// Where they keep the data itself.
const DATA: [&str; 8] = [
    "/source/data",
    "/input_audio/data",
    "/inlineData/data",
    "/inline_data/data",
    "/base64",
    "/data",
    "/file/file_data",
    "/content",
];
/// And what the data is.
const TYPES: [&str; 8] = [
    "/source/media_type",
    "/input_audio/format",
    "/inlineData/mimeType",
    "/inline_data/mime_type",
    "/mime_type",
    "/mimeType",
    "/modality",
    "/type",
];

/// One part of a message's content: the file where the backend has it, else words that say what it was and where.
pub(super) fn part(value: &Value) -> Value {
    let file = value.get("file_id").or_else(|| value.pointer("/file/file_id")).and_then(Value::as_str);
    if let Some(id) = file.and_then(SpanId::parse) {
        return json!({ "type": "file", "file_id": id.to_string() });
    }
    json!({ "type": "text", "text": words(value) })
}

fn words(value: &Value) -> String {
    let first = |places: &[&str]| places.iter().find_map(|place| value.pointer(place)?.as_str());
    let kind = first(&TYPES).unwrap_or("part");
    let data = |kind: &str, data: &str| format!("[{kind}, {} bytes in base64]", data.len());
    match (first(&ADDRESSES), first(&DATA)) {
        // Megabytes that nobody reads in a trace.
        (Some(address), _) if address.starts_with("data:") => {
            let (kind, rest) = address["data:".len()..].split_once(',').unwrap_or((kind, address));
            data(kind.trim_end_matches(";base64"), rest)
        }
        (Some(address), _) => format!("[{kind} {address}]"),
        (None, Some(bytes)) => data(kind, bytes),
        (None, None) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named_and_never_copied() {
        let rows = [
            (
                json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}),
                "[image_url https://example.com/a.png]",
            ),
            (
                json!({"type": "input_image", "image_url": "https://example.com/a.png"}),
                "[input_image https://example.com/a.png]",
            ),
            (
                json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
                "[image/png, 4 bytes in base64]",
            ),
            (
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAAAA"}}),
                "[image/jpeg, 6 bytes in base64]",
            ),
            (
                json!({"type": "input_audio", "input_audio": {"format": "wav", "data": "AA"}}),
                "[wav, 2 bytes in base64]",
            ),
            (json!({"inlineData": {"mimeType": "image/webp", "data": "AAA"}}), "[image/webp, 3 bytes in base64]"),
            (
                json!({"type": "data", "modality": "image", "mime_type": "image/gif", "base64": "A"}),
                "[image/gif, 1 bytes in base64]",
            ),
            (
                json!({"type": "file", "file": {"file_id": "file-abc"}}),
                r#"{"file":{"file_id":"file-abc"},"type":"file"}"#,
            ),
        ];
        for (value, expected) in rows {
            assert_eq!(part(&value), json!({"type": "text", "text": expected}));
        }
        let known = "8e69c645-b678-45e1-9c61-dcbed822f9db";
        assert_eq!(part(&json!({"type": "file", "file_id": known})), json!({"type": "file", "file_id": known}));
    }
}
