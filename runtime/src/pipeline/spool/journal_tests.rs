use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{Field, Parts, SpanId, SpanType, TraceId, random_u64};
use crate::pipeline::record::{self, Header, Kind, StartFlags};
use crate::pipeline::redact::Redaction;

pub(super) struct Bench {
    pub(super) settings: SpoolSettings,
    pub(super) journal: Arc<Journal>,
    keeper: Keeper,
    trace: TraceId,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("galileo-journal-{}-{:x}", std::process::id(), random_u64()));
        Self::on(SpoolSettings {
            mode: SpoolMode::Always,
            folder: Some(folder),
            max_bytes: 64 << 20,
            max_age: Duration::from_secs(3600),
        })
    }

    fn on(settings: SpoolSettings) -> Self {
        let service = ServiceSettings { name: "billing".into(), ..ServiceSettings::default() };
        let redaction = Redaction::new(true, Vec::new());
        let journal = Journal::new(&settings, &["test-1".to_owned(), "test-2".to_owned()], &service, redaction);
        let journal = Arc::new(journal.unwrap());
        Self { settings, keeper: Keeper::new(journal.clone()), journal, trace: TraceId::random() }
    }

    fn root(&self) -> &Path {
        self.settings.folder.as_deref().unwrap()
    }

    fn write(&self, kind: Kind, span: SpanId, value: &str) {
        let mut bytes = Vec::new();
        let mut parts = Parts::new(&mut bytes);
        if kind == Kind::Start {
            parts.text(Field::Name, "", "work");
        }
        parts.text(if kind == Kind::Start { Field::Input } else { Field::Output }, "", value);
        let is_start = kind == Kind::Start;
        self.journal.append(
            &Header {
                kind,
                detail: if is_start { SpanType::Tool as u8 } else { 0 },
                flags: StartFlags(if is_start { StartFlags::ENTRY } else { 0 }),
                callsite: 0,
                trace: self.trace,
                span,
                parent: SpanId::NONE,
                time: crate::model::clock::now(),
            },
            &bytes,
        );
    }

    pub(super) fn span(&self, value: &str) -> SpanId {
        let span = SpanId::random();
        self.write(Kind::Start, span, value);
        self.write(Kind::End, span, value);
        span
    }

    pub(super) fn done(&mut self, spans: &[SpanId]) {
        self.keeper.settle(&mut spans.to_vec(), 0);
    }

    /// The process is killed: nothing is tidied up, its lock is gone.
    fn kill(self) -> SpoolSettings {
        self.settings
    }
}

fn segments(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(segments(&path));
        } else if path.extension().is_some_and(|extension| extension == "seg") {
            found.push(path);
        }
    }
    found
}

/// What the next process finds for a destination.
pub(super) fn inherited(settings: &SpoolSettings, name: &str) -> Vec<(SpanId, Vec<u8>)> {
    let mut spool = Spool::in_folder(settings, name).unwrap();
    spool.adopt();
    let mut found = Vec::new();
    while let Some(batch) = spool.next_batch() {
        for bytes in &batch.records {
            found.push((record::decode(bytes).unwrap().0.header.span, bytes.clone()));
        }
        spool.finish(&batch);
    }
    spool.shut_down();
    found
}

#[test]
fn what_was_not_done_is_found_by_the_next_process_for_each_destination() {
    let mut bench = Bench::new();
    let (delivered, kept) = (bench.span("gone"), bench.span("kept"));
    let open = SpanId::random();
    bench.write(Kind::Start, open, "open");
    bench.done(&[delivered]);
    let settings = bench.kill();
    assert_eq!(recover(&settings), 2);
    assert_eq!(recover(&settings), 0, "once");
    for name in ["test-1", "test-2"] {
        let found = inherited(&settings, name);
        assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [kept, open]);
        let (start, rest) = record::decode(&found[0].1).unwrap();
        assert!(start.parts.clone().any(|part| part.key == "service.name" && part.text() == "billing"));
        assert_eq!(record::decode(rest).unwrap().0.parts.clone().next().unwrap().text(), "kept");
        let (_, rest) = record::decode(&found[1].1).unwrap();
        assert_eq!(record::decode(rest).unwrap().0.outcome().as_str(), "cancelled");
    }
    std::fs::remove_dir_all(settings.folder.unwrap()).unwrap();
}

#[test]
fn a_clean_end_leaves_nothing() {
    let mut bench = Bench::new();
    bench.span("done");
    bench.keeper.close();
    bench.span("too late");
    assert!(segments(bench.root()).is_empty());
    let settings = bench.kill();
    assert_eq!(recover(&settings), 0);
    std::fs::remove_dir_all(settings.folder.unwrap()).unwrap();
}

#[test]
fn segments_go_when_their_spans_are_done_and_a_span_that_stays_open_does_not_hold_them() {
    let mut bench = Bench::new();
    let open = SpanId::random();
    bench.write(Kind::Start, open, "for a week");
    let value = "some words ".repeat(1000);
    for _ in 0..40 {
        let spans: Vec<_> = (0..60).map(|_| bench.span(&value)).collect();
        bench.done(&spans);
    }
    // 50 MB went through; what is left is the slack and what is being written.
    let left = segments(bench.root()).len();
    assert!((1..=12).contains(&left), "{left} segments");
    let settings = bench.kill();
    assert_eq!(recover(&settings), 1);
    assert_eq!(inherited(&settings, "test-1")[0].0, open);
    std::fs::remove_dir_all(settings.folder.unwrap()).unwrap();
}

#[test]
fn secrets_are_masked_before_they_are_written() {
    let bench = Bench::new();
    bench.span("use sk-abcdefghij0123456789 for it");
    let settings = bench.kill();
    for file in segments(settings.folder.as_deref().unwrap()) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(10).any(|window| window == b"abcdefghij"));
    }
    std::fs::remove_dir_all(settings.folder.unwrap()).unwrap();
}

/// f28, f52: wherever the file ends, what came before is whole.
#[test]
fn a_journal_cut_anywhere_loses_only_what_was_being_written() {
    let bench = Bench::new();
    let spans: Vec<_> = (0..4).map(|_| bench.span("value")).collect();
    let settings = bench.kill();
    let root = settings.folder.clone().unwrap();
    let file = segments(&root).remove(0);
    let (folder, bytes) = (file.parent().unwrap().to_path_buf(), std::fs::read(&file).unwrap());
    let lock = folder.join("lock");
    let mut before = 0;
    for end in (12..=bytes.len()).step_by(7).chain([bytes.len()]) {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&lock, "").unwrap();
        std::fs::write(&file, &bytes[..end]).unwrap();
        let found = recover(&settings) as usize;
        assert!(found >= before && found <= 4, "cut at {end}: {found} after {before}");
        let ids: Vec<_> = inherited(&settings, "test-1").into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, spans[..found]);
        let _ = inherited(&settings, "test-2");
        before = found;
    }
    assert_eq!(before, 4);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn what_was_refused_by_the_queue_does_not_stay() {
    let mut bench = Bench::new();
    let refused = bench.span("refused");
    bench.journal.refused(refused);
    bench.done(&[]);
    let settings = bench.kill();
    assert_eq!(recover(&settings), 0);
    std::fs::remove_dir_all(settings.folder.unwrap()).unwrap();
}

#[test]
fn a_full_disk_is_said_and_counted_and_used_again() {
    let folder = std::env::temp_dir().join(format!("galileo-journal-full-{:x}", random_u64()));
    let bench = Bench::on(SpoolSettings {
        mode: SpoolMode::Always,
        folder: Some(folder.clone()),
        max_bytes: 2000,
        max_age: Duration::from_secs(3600),
    });
    for _ in 0..20 {
        bench.span("some words");
    }
    assert!(bench.journal.unwritten() > 0);
    let settings = bench.kill();
    assert!(recover(&SpoolSettings { max_bytes: 1 << 20, ..settings }) > 0);
    std::fs::remove_dir_all(folder).unwrap();
}
