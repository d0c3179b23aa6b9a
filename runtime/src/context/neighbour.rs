//! Other tracing systems that have a current span of their own on every thread. Where one is installed, both agree on what is current.

use super::active::Active;
use crate::model::{Callsite, Outcome, SpanId};
use once_cell::sync::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering};

/// The other system, as the context sees it.
pub(crate) trait Neighbour: Send + Sync {
    /// Its kind.
    fn name(&self) -> &'static str;

    /// The thread's context is about to be read or changed: takes over what the other system made current meanwhile.
    fn arrive(&self) {}

    /// The thread's context was changed by us: makes the same current over there.
    fn moved(&self, _old: Active, _new: Active) {}

    /// Whether it wants to hear of every span.
    fn wants_spans(&self) -> bool {
        false
    }

    /// A span was opened, with these captured values.
    fn opened(&self, _site: &'static Callsite, _span: SpanId, _parts: &[u8]) {}

    /// A span was closed, with these captured values.
    fn closed(&self, _span: SpanId, _outcome: Outcome, _parts: &[u8]) {}
}

static NEIGHBOURS: [OnceCell<&'static dyn Neighbour>; 2] = [OnceCell::new(), OnceCell::new()];
static ARE_THERE: AtomicBool = AtomicBool::new(false);
static WANT_SPANS: AtomicBool = AtomicBool::new(false);

/// Makes `neighbour` one of them for the rest of the process. There is one of each kind, and installing it again does nothing.
pub(crate) fn install(neighbour: &'static dyn Neighbour) {
    let known =
        |slot: &OnceCell<&'static dyn Neighbour>| slot.get().is_some_and(|other| other.name() == neighbour.name());
    if NEIGHBOURS.iter().any(known) || NEIGHBOURS.iter().all(|slot| slot.set(neighbour).is_err()) {
        return;
    }
    if neighbour.wants_spans() {
        WANT_SPANS.store(true, Ordering::Release);
    }
    ARE_THERE.store(true, Ordering::Release);
}

fn each(tell: impl Fn(&dyn Neighbour)) {
    NEIGHBOURS.iter().filter_map(OnceCell::get).for_each(|neighbour| tell(*neighbour));
}

#[inline(always)]
pub(super) fn arrive() {
    // Relaxed: a span that just misses the installation is none the worse for it.
    if ARE_THERE.load(Ordering::Relaxed) {
        arrive_slowly();
    }
}

#[inline(always)]
pub(super) fn moved(old: Active, new: Active) {
    if ARE_THERE.load(Ordering::Relaxed) {
        moved_slowly(old, new);
    }
}

/// Whether one of them wants to hear of every span.
#[inline(always)]
pub(crate) fn wants_spans() -> bool {
    WANT_SPANS.load(Ordering::Relaxed)
}

#[cold]
fn arrive_slowly() {
    each(|neighbour| neighbour.arrive());
}

#[cold]
fn moved_slowly(old: Active, new: Active) {
    each(|neighbour| neighbour.moved(old, new));
}

/// A span was opened.
#[cold]
pub(crate) fn opened(site: &'static Callsite, span: SpanId, parts: &[u8]) {
    each(|neighbour| neighbour.opened(site, span, parts));
}

/// A span was closed.
#[cold]
pub(crate) fn closed(span: SpanId, outcome: Outcome, parts: &[u8]) {
    each(|neighbour| neighbour.closed(span, outcome, parts));
}

/// How much of a stack of entered spans stays when `new` becomes current: up to `new` itself, or up to what it was entered from. `None`
/// when it is entered now. `frames` are spans with what was current before them, if they were entered by us.
pub(crate) fn kept(
    frames: impl DoubleEndedIterator<Item = (SpanId, Option<SpanId>)> + ExactSizeIterator,
    new: SpanId,
) -> Option<usize> {
    let (at, (span, _)) = frames.enumerate().rev().find(|(_, (span, before))| *span == new || *before == Some(new))?;
    Some(if span == new { at + 1 } else { at })
}
