//! The program's own look at everything that is recorded, before any exporter has it: inspect, change, leave out.

use super::record::{Header, Kind, Record};
use super::redact::Redaction;
use super::{callsite, record};
use crate::diag;
use crate::model::part::PartIter;
use crate::model::{Field, Outcome, Part, Parts, SpanId, SpanType, TraceId, ValueKind};
use serde::Serialize;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Spans that are remembered while they are open, and after they were left out.
const REMEMBERED: usize = 100_000;

/// When a hook is called for a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// It starts, with what was captured of its input. Only now can it be left out.
    Start,
    /// Something is added while it is open.
    Addition,
    /// It has ended so, with what was captured of its output.
    End(Outcome),
}

/// What a hook says about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It goes on, as it is now.
    Keep,
    /// At its start the span is left out; what lies under it lies under its parent. Later, only these values are.
    Drop,
}

/// What is about to be recorded of one span: its values at its start, each addition, its values at its end.
///
/// Every value passes once, in batch mode as in distributed mode, after secrets were masked and before an exporter has it.
///
/// ```
/// use galileo::export::{Memory, Moment, Pass};
/// use galileo::model::Field;
/// use galileo::{Config, Span};
/// use std::time::Duration;
///
/// let memory = Memory::new();
/// let guard = Config::builder()
///     .export_hook(|record| {
///         // No health checks, and no question longer than it has to be.
///         if record.moment() == Moment::Start && record.name() == "health" {
///             return Pass::Drop;
///         }
///         record.map_text(Field::Input, |text| text.replace("4711", "[account]"));
///         Pass::Keep
///     })
///     .exporter(memory.clone())
///     .init()?;
/// Span::tool("health").in_scope(|| ());
/// Span::workflow("ask").input("what of 4711?").in_scope(|| ());
/// let report = guard.shutdown(Duration::from_secs(5));
/// let spans = memory.spans();
/// assert_eq!((spans.len(), spans[0].input.as_ref()), (1, Some(&"what of [account]?".into())));
/// assert_eq!((report.accepted, report.delivered, report.dropped.total()), (2, 1, 1));
/// # Ok::<(), galileo::InitError>(())
/// ```
#[derive(Debug)]
pub struct HookRecord<'a> {
    header: Header,
    moment: Moment,
    span_type: SpanType,
    name: &'a str,
    values: Vec<u8>,
}

impl HookRecord<'_> {
    /// When this is.
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.header.trace
    }

    /// The span.
    pub fn span_id(&self) -> SpanId {
        self.header.span
    }

    /// The parent, at the start of a span that has one.
    pub fn parent_id(&self) -> Option<SpanId> {
        (!self.header.parent.is_none()).then_some(self.header.parent)
    }

    /// What kind of work it stands for.
    pub fn span_type(&self) -> SpanType {
        self.span_type
    }

    /// Its name when it started.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The values that are recorded at this moment.
    pub fn values(&self) -> impl Iterator<Item = Part<'_>> {
        PartIter(&self.values)
    }

    /// Sets a field that is given once, such as the input, or the entry of this key among metadata, attributes and the like.
    ///
    /// An input that is set replaces the captured arguments.
    pub fn set(&mut self, field: Field, key: &str, value: impl Serialize) -> &mut Self {
        self.retain(|part| {
            let arguments = field == Field::Input && part.field == Field::Argument;
            !(arguments || part.field == field && part.key == key)
        });
        match serde_json::to_value(value) {
            Ok(serde_json::Value::String(text)) => Parts::new(&mut self.values).text(field, key, &text),
            Ok(value) => {
                Parts::new(&mut self.values).push(field, key, ValueKind::Json, value.to_string().as_bytes());
            }
            // What cannot be written is left out, as what it replaced.
            Err(_) => {}
        }
        self
    }

    /// Leaves out the values for which `keep` says no.
    pub fn retain(&mut self, keep: impl Fn(&Part<'_>) -> bool) -> &mut Self {
        let mut kept = Vec::with_capacity(self.values.len());
        for part in PartIter(&self.values).filter(|part| keep(part)) {
            Parts::new(&mut kept).push(part.field, part.key, part.kind, part.value);
        }
        self.values = kept;
        self
    }

    /// Leaves out every value of a field.
    pub fn remove(&mut self, field: Field) -> &mut Self {
        self.retain(|part| part.field != field)
    }

    /// Changes every text of a field; in JSON every string, so that it stays JSON. `Input` includes the captured arguments.
    pub fn map_text(&mut self, field: Field, change: impl Fn(&str) -> String) -> &mut Self {
        let mut changed = Vec::with_capacity(self.values.len());
        for part in PartIter(&self.values) {
            let meant = part.field == field || field == Field::Input && part.field == Field::Argument;
            let mut parts = Parts::new(&mut changed);
            match part.kind {
                ValueKind::Text | ValueKind::Debug if meant => {
                    parts.push(part.field, part.key, part.kind, change(part.text()).as_bytes());
                }
                ValueKind::Json if meant => {
                    let mut value = serde_json::from_str(part.text()).unwrap_or(serde_json::Value::Null);
                    map_strings(&mut value, &change);
                    parts.push(part.field, part.key, part.kind, value.to_string().as_bytes());
                }
                _ => parts.push(part.field, part.key, part.kind, part.value),
            }
        }
        self.values = changed;
        self
    }
}

/// Objects in objects: no deeper than what was captured, which has a bound.
fn map_strings(value: &mut serde_json::Value, change: &impl Fn(&str) -> String) {
    match value {
        serde_json::Value::String(text) => *text = change(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| map_strings(item, change)),
        serde_json::Value::Object(object) => object.values_mut().for_each(|item| map_strings(item, change)),
        _ => {}
    }
}

/// A hook, shared with the pipeline of a forked child.
#[derive(Clone)]
pub(crate) struct Hook(Arc<Mutex<dyn FnMut(&mut HookRecord<'_>) -> Pass + Send>>);

impl Hook {
    pub(crate) fn new(hook: impl FnMut(&mut HookRecord<'_>) -> Pass + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(hook)))
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

/// The worker's side: calls the hook for each record and keeps the tree whole where spans are left out.
#[derive(Debug)]
pub(crate) struct Gate {
    hook: Hook,
    /// What later records do not say.
    open: HashMap<SpanId, (String, SpanType)>,
    /// Spans that were left out, with what their children inherit: the parent, and the flags of a first span.
    left_out: HashMap<SpanId, (SpanId, u8)>,
    order: std::collections::VecDeque<SpanId>,
    bytes: Vec<u8>,
}

/// What becomes of a record.
pub(crate) enum Passed<'a> {
    /// This goes on.
    Record(Record<'a>),
    /// Nothing goes on; a span was left out if this says so.
    Nothing { span: bool },
}

impl Gate {
    pub(crate) fn new(hook: Hook) -> Self {
        Self { hook, open: HashMap::new(), left_out: HashMap::new(), order: Default::default(), bytes: Vec::new() }
    }

    /// Lets a record through, as the hook wants it.
    pub(crate) fn pass<'a>(&'a mut self, record: &Record<'_>, redaction: Option<&Redaction>) -> Passed<'a> {
        let mut header = record.header;
        if let Some(&(parent, _)) = self.left_out.get(&header.span) {
            // Headers that name it stand for its parent; nothing else is of use to anybody.
            if header.kind != Kind::Propagated || parent.is_none() {
                return Passed::Nothing { span: false };
            }
            header.span = parent;
        }
        let moment = match header.kind {
            Kind::Start => Moment::Start,
            Kind::Note => Moment::Addition,
            Kind::End => Moment::End(record.outcome()),
            Kind::Propagated | Kind::Hold | Kind::Release => return self.whole(header, &[]),
        };
        if let Some(&(parent, flags)) = self.left_out.get(&header.parent) {
            (header.parent, header.flags.0) = (parent, header.flags.0 | flags);
        }
        if moment == Moment::Start && self.open.len() < REMEMBERED {
            let name = record.parts.clone().filter(|part| part.field == Field::Name).last().map(|part| part.text());
            let name = name.or_else(|| callsite::get(header.callsite).map(|site| site.name)).unwrap_or_default();
            self.open.insert(header.span, (name.to_owned(), record.span_type()));
        }
        let known = match moment {
            Moment::End(_) => self.open.remove(&header.span),
            _ => self.open.get(&header.span).cloned(),
        };
        let (name, span_type) = known.unwrap_or_default();
        let mut values = record.parts.0.to_vec();
        if let Some(redaction) = redaction {
            redaction.mask(&mut values);
        }
        let mut seen = HookRecord { header, moment, span_type, name: &name, values };
        let called = catch_unwind(AssertUnwindSafe(|| {
            let mut hook = self.hook.0.lock().unwrap_or_else(PoisonError::into_inner);
            hook(&mut seen)
        }));
        let Ok(pass) = called else {
            diag::warn("hook-panicked", format_args!("the export hook panicked; the record goes on as it was"));
            return self.whole(header, record.parts.0);
        };
        let values = std::mem::take(&mut seen.values);
        match (pass, moment) {
            (Pass::Keep, _) => self.whole(header, &values),
            (Pass::Drop, Moment::Start) => {
                self.open.remove(&header.span);
                self.leave_out(&header);
                Passed::Nothing { span: true }
            }
            (Pass::Drop, Moment::Addition) => Passed::Nothing { span: false },
            (Pass::Drop, Moment::End(_)) => self.whole(header, &[]),
        }
    }

    fn leave_out(&mut self, header: &Header) {
        self.left_out.insert(header.span, (header.parent, header.flags.0));
        self.order.push_back(header.span);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.left_out.remove(&oldest);
        }
    }

    fn whole(&mut self, header: Header, parts: &[u8]) -> Passed<'_> {
        self.bytes.clear();
        header.encode_into(parts.len() as u32, &mut self.bytes);
        self.bytes.extend_from_slice(parts);
        match record::decode(&self.bytes) {
            Some((record, _)) => Passed::Record(record),
            None => Passed::Nothing { span: false },
        }
    }
}
