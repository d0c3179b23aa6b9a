//! Text that is made by `Debug` or `Display`, and text that is there already.

use super::cut;
use std::fmt;

/// Appends `text`, cut at `limit` bytes.
#[inline]
pub(super) fn write_text(out: &mut Vec<u8>, text: &str, limit: usize) {
    if text.len() <= limit {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_cut(out, text, limit);
    }
}

#[cold]
fn write_cut(out: &mut Vec<u8>, text: &str, limit: usize) {
    let kept = cut::prefix(text, limit);
    out.extend_from_slice(kept.as_bytes());
    cut::marker(out, text.len() - kept.len(), false);
}

/// Collects what a `fmt` implementation writes, up to a limit.
pub(super) struct Collector<'o> {
    out: &'o mut Vec<u8>,
    room: usize,
    dropped: usize,
    gave_up: bool,
}

/// How many bytes beyond the limit are counted before the formatting is stopped.
const COUNTED: usize = 64 * 1024;

impl<'o> Collector<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, limit: usize) -> Self {
        Self { out, room: limit, dropped: 0, gave_up: false }
    }

    /// Marks the cut, if there was one. `Err` when the implementation itself failed.
    pub(super) fn finish(self, result: fmt::Result) -> fmt::Result {
        if self.dropped > 0 {
            cut::marker(self.out, self.dropped, self.gave_up);
        }
        if self.gave_up { Ok(()) } else { result }
    }
}

impl fmt::Write for Collector<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.dropped == 0 {
            let kept = cut::prefix(text, self.room);
            self.out.extend_from_slice(kept.as_bytes());
            self.room -= kept.len();
            self.dropped = text.len() - kept.len();
            return Ok(());
        }
        self.dropped += text.len();
        self.gave_up = self.dropped > COUNTED;
        if self.gave_up { Err(fmt::Error) } else { Ok(()) }
    }
}
