//! For unit tests: runs a closure with a queue of its own installed and returns what was recorded, in words.

use super::queue::Queue;
use super::record::{Kind, Record};
use super::{callsite, global};
use crate::model::{Field, Part, ValueKind};
use crate::sampling::Sampler;
use std::sync::{Arc, Mutex, PoisonError};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Waits for the turn of a test that installs a pipeline.
pub(crate) fn turn() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The records that `run` made, a line each: kind, name, parent's name, values.
pub(crate) fn recorded(run: impl FnOnce()) -> Vec<String> {
    recorded_by(Sampler::default(), run)
}

/// The same with a sampler.
pub(crate) fn recorded_by(sampler: Sampler, run: impl FnOnce()) -> Vec<String> {
    let queue = Arc::new(Queue::new(global::next_generation(), 1 << 20, Box::new(|| ())));
    recorded_in(&queue, sampler, run);
    let mut names = std::collections::HashMap::new();
    let mut lines = Vec::new();
    queue.drain(|record| lines.push(describe(record, &mut names)));
    lines
}

/// Runs a closure while `queue` is installed.
pub(crate) fn recorded_in(queue: &Arc<Queue>, sampler: Sampler, run: impl FnOnce()) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(global::install(queue, true, sampler), "a pipeline is installed already");
    let _installed = Installed(queue);
    run();
}

/// A test that fails must not take the next one with it.
struct Installed<'a>(&'a Arc<Queue>);

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        global::uninstall(self.0);
    }
}

/// Runs a closure while nobody records.
pub(crate) fn unrecorded(run: impl FnOnce()) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(!global::enabled());
    run();
}

fn describe(record: &Record<'_>, names: &mut std::collections::HashMap<[u8; 16], String>) -> String {
    let header = record.header;
    let values: Vec<String> = record
        .parts
        .clone()
        .filter(|p| !matches!(p.field, Field::Name | Field::EventTime))
        .map(|p| format!("{}={}", p.key, word(&p)))
        .collect();
    let name = record.parts.clone().find(|p| p.field == Field::Name).map(|p| p.text().to_owned());
    let verb = match header.kind {
        Kind::Start => {
            let name = name.or_else(|| callsite::get(header.callsite).map(|c| c.name.to_owned())).unwrap_or_default();
            names.insert(header.span.to_bytes(), name);
            "start"
        }
        Kind::End => record.outcome().as_str(),
        Kind::Note => "note",
        Kind::Propagated => "propagated",
        Kind::Hold => "hold",
        Kind::Release => "release",
    };
    let of = |id: [u8; 16]| names.get(&id).cloned().unwrap_or_else(|| "-".to_owned());
    let parent =
        if header.kind == Kind::Start { format!(" under {}", of(header.parent.to_bytes())) } else { String::new() };
    format!("{verb} {}{parent} {}", of(header.span.to_bytes()), values.join(" ")).trim_end().to_owned()
}

fn word(part: &Part<'_>) -> String {
    match part.kind {
        ValueKind::Int | ValueKind::UInt => part.as_u64().map(|n| n.to_string()).unwrap_or_default(),
        ValueKind::Bool => (part.value == [1]).to_string(),
        _ => part.text().to_owned(),
    }
}
