//! Runs as LangSmith takes them: parts of a multipart form, or one JSON object with all of them.

use serde::Serialize;
use serde_json::{Map, Value};

/// One run. The large fields travel as parts of their own in a multipart form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Run {
    #[serde(flatten)]
    pub(super) head: Head,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) inputs: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) outputs: Value,
    pub(super) extra: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<Value>,
}

/// What every run has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_run_id: Option<String>,
    pub(super) dotted_order: String,
    pub(super) name: String,
    pub(super) run_type: &'static str,
    pub(super) start_time: String,
    pub(super) end_time: String,
    pub(super) session_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
}

/// The body of `POST /runs/multipart`.
pub(super) fn multipart(runs: &[Run], boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for run in runs {
        let id = &run.head.id;
        part(&mut body, boundary, &format!("post.{id}"), &run.head);
        if !run.inputs.is_null() {
            part(&mut body, boundary, &format!("post.{id}.inputs"), &run.inputs);
        }
        if !run.outputs.is_null() {
            part(&mut body, boundary, &format!("post.{id}.outputs"), &run.outputs);
        }
        part(&mut body, boundary, &format!("post.{id}.extra"), &run.extra);
        if let Some(error) = &run.error {
            part(&mut body, boundary, &format!("post.{id}.error"), error);
        }
        if !run.events.is_empty() {
            part(&mut body, boundary, &format!("post.{id}.events"), &run.events);
        }
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

fn part(body: &mut Vec<u8>, boundary: &str, name: &str, value: &impl Serialize) {
    // No map in here has a key that is not text, so this cannot fail.
    let json = serde_json::to_vec(value).unwrap_or_default();
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        json.len()
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&json);
    body.extend_from_slice(b"\r\n");
}

/// The body of `POST /runs/batch`.
pub(super) fn batch(runs: &[Run]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({ "post": runs, "patch": [] })).unwrap_or_default()
}

/// An object with the entries that are there.
pub(super) fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Map<String, Value> {
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
