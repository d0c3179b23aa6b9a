//! LangSmith's members of the `baggage` header.

use serde_json::{Map, Value};

use super::LangSmithContext;
use crate::propagation::baggage::Baggage;

const METADATA: &str = "langsmith-metadata";
const TAGS: &str = "langsmith-tags";
const PROJECT: &str = "langsmith-project";
const REPLICAS: &str = "langsmith-replicas";
/// Ours: the tags as a JSON array. LangSmith joins tags by commas, so a tag that contains one comes back as two; this member
/// keeps them apart between two services that know it, and is written only when it makes a difference.
const EXACT_TAGS: &str = "galileo-tags";

/// A further project that gets a copy of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The project's name.
    pub project_name: String,
    /// Whether it is the main destination.
    pub primary: bool,
    /// What changes in the copy.
    pub updates: ReplicaUpdates,
}

/// The changes that a header may ask for. Everything else in it, addresses and keys above all, is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicaUpdates {
    /// The receiver's run becomes the root of the copy.
    pub reroot: bool,
    /// Metadata for the copy.
    pub metadata: Map<String, Value>,
    /// Tags for the copy.
    pub tags: Vec<String>,
}

/// Who writes a member of received baggage into the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::propagation) enum Writer {
    /// It is passed on as it came.
    Baggage,
    /// The LangSmith propagator writes it anew, with what was added here.
    LangSmith,
    /// Nobody: replicas may name addresses and keys, which go no further than the process they were sent to.
    Nobody,
}

/// Who writes `key`.
pub(in crate::propagation) fn writer(key: &str) -> Writer {
    match key {
        METADATA | TAGS | PROJECT | EXACT_TAGS => Writer::LangSmith,
        REPLICAS => Writer::Nobody,
        _ => Writer::Baggage,
    }
}

/// Reads the members; `false` when one of them cannot be read, in which case that one counts as absent.
pub(super) fn read(baggage: &Baggage, context: &mut LangSmithContext) -> bool {
    let mut readable = true;
    if let Some(text) = baggage.get(METADATA) {
        match serde_json::from_str(&text) {
            Ok(metadata) => context.metadata = metadata,
            Err(_) => readable = false,
        }
    }
    if let Some(text) = baggage.get(TAGS) {
        let exact = baggage.get(EXACT_TAGS).and_then(|text| serde_json::from_str::<Vec<String>>(&text).ok());
        context.tags = match exact {
            // A service between us that knows only LangSmith's member may have changed it; then that one is right.
            Some(tags) if tags.join(",") == text => tags,
            _ => text.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        };
    }
    if let Some(text) = baggage.get(PROJECT) {
        context.project = Some(text.into_owned()).filter(|name| !name.is_empty());
    }
    if let Some(text) = baggage.get(REPLICAS) {
        match serde_json::from_str::<Vec<Value>>(&text) {
            Ok(replicas) => context.replicas = replicas.iter().filter_map(replica).collect(),
            Err(_) => readable = false,
        }
    }
    readable
}

/// Writes the members, the important ones first: what does not fit the limits of baggage is left out.
pub(super) fn write(context: &LangSmithContext, baggage: &mut Baggage) {
    if let Some(project) = &context.project {
        baggage.insert(PROJECT, project);
    }
    if !context.tags.is_empty() {
        baggage.insert(TAGS, &context.tags.join(","));
        if context.tags.iter().any(|tag| tag.is_empty() || tag.contains(',')) {
            let exact = Value::from(context.tags.clone()).to_string();
            baggage.insert(EXACT_TAGS, &exact);
        }
    }
    if !context.metadata.is_empty() {
        let metadata = Value::Object(context.metadata.clone()).to_string();
        baggage.insert(METADATA, &metadata);
    }
}

/// An object, or the older pair of name and updates.
fn replica(value: &Value) -> Option<Replica> {
    let (project_name, primary, updates) = match value {
        Value::Object(fields) => (
            fields.get("project_name")?.as_str()?,
            fields.get("primary").and_then(Value::as_bool).unwrap_or(false),
            fields.get("updates"),
        ),
        Value::Array(pair) => match pair.as_slice() {
            [name, updates] => (name.as_str()?, false, Some(updates)),
            _ => return None,
        },
        _ => return None,
    };
    if project_name.is_empty() {
        return None;
    }
    let field = |name| updates.and_then(|updates| updates.get(name));
    Some(Replica {
        project_name: project_name.to_owned(),
        primary,
        updates: ReplicaUpdates {
            reroot: field("reroot").and_then(Value::as_bool).unwrap_or(false),
            metadata: field("metadata").and_then(Value::as_object).cloned().unwrap_or_default(),
            tags: field("tags")
                .and_then(Value::as_array)
                .map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
        },
    })
}
