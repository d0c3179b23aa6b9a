//! The records that travel from a span to the worker.
//!
//! A span is two self-contained records, START and END, so that it is visible while it is open and a future may end on another thread than
//! it began on. Records of one thread arrive in order; between threads there is no order, and an END may be seen before its START.
//!
//! ```text
//! record = header (72 bytes) | parts (see model::part)
//! header = kind u8 | detail u8 | flags u8 | 0 | callsite u32 | trace 16 | span 16 | parent 16 | time u64 | parts length u32 | 0 u32
//! ```

use crate::model::part::PartIter;
use crate::model::{Outcome, SpanId, SpanType, TraceId};

/// What a record reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A span opened: its callsite, parent, time and captured input.
    Start = 1,
    /// A span ended: its outcome, time and captured output.
    End = 2,
    /// Something was added to an open span.
    Note = 3,
    /// Headers that name this span were made: it has to be announced, and its trace may have spans elsewhere from now on.
    Propagated = 4,
    /// A public `Context` holds this trace; it must not complete.
    Hold = 5,
    /// The last such `Context` is gone.
    Release = 6,
}

/// Facts about a span that travel in the header of its START.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StartFlags(pub(crate) u8);

impl StartFlags {
    /// The span began a trace of its own.
    pub(crate) const ROOT: u8 = 1;
    /// The span is the first of this process in its trace.
    pub(crate) const ENTRY: u8 = 2;
    /// The trace was created by another Galileo sender: never create, update or complete it here.
    pub(crate) const REMOTE_TRACE: u8 = 4;
    /// Only W3C or LangSmith headers came in: this process creates the trace itself (design decision D3).
    pub(crate) const FOREIGN_TRACE: u8 = 8;

    pub(crate) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

pub(crate) const HEADER: usize = 72;

/// The fixed part of a record, as it is written and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The span type of a START, the outcome of an END.
    pub(crate) detail: u8,
    pub(crate) flags: StartFlags,
    /// The number of the callsite ([`crate::span::callsite`]); 0 when the name travels as a part.
    pub(crate) callsite: u32,
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    /// The parent of a START; `NONE` when the span lies directly under its trace.
    pub(crate) parent: SpanId,
    /// Nanoseconds by [`crate::model::clock::now`].
    pub(crate) time: u64,
}

impl Header {
    #[inline]
    pub(crate) fn encode(&self, parts_len: u32) -> [u8; HEADER] {
        let mut out = [0u8; HEADER];
        out[0] = self.kind as u8;
        out[1] = self.detail;
        out[2] = self.flags.0;
        out[4..8].copy_from_slice(&self.callsite.to_le_bytes());
        out[8..24].copy_from_slice(&self.trace.to_bytes());
        out[24..40].copy_from_slice(&self.span.to_bytes());
        out[40..56].copy_from_slice(&self.parent.to_bytes());
        out[56..64].copy_from_slice(&self.time.to_le_bytes());
        out[64..68].copy_from_slice(&parts_len.to_le_bytes());
        out
    }
}

/// One record as the worker sees it, borrowed from the hand-off's buffer.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) header: Header,
    pub(crate) parts: PartIter<'a>,
}

impl Record<'_> {
    /// The span type of a START.
    pub(crate) fn span_type(&self) -> SpanType {
        SpanType::from_u8(self.header.detail)
    }

    /// The outcome of an END.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::from_u8(self.header.detail)
    }
}

/// Reads the first record of `bytes`; the rest of the bytes comes back with it. `None` at the end, or where the bytes are no record.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEADER>()?;
    let kind = match head[0] {
        1 => Kind::Start,
        2 => Kind::End,
        3 => Kind::Note,
        4 => Kind::Propagated,
        5 => Kind::Hold,
        6 => Kind::Release,
        _ => return None,
    };
    let id = |at: usize| -> [u8; 16] { head[at..at + 16].try_into().unwrap_or_default() };
    let parts_len = u32::from_le_bytes(head[64..68].try_into().unwrap_or_default()) as usize;
    let (parts, rest) = rest.split_at_checked(parts_len)?;
    let header = Header {
        kind,
        detail: head[1],
        flags: StartFlags(head[2]),
        callsite: u32::from_le_bytes(head[4..8].try_into().unwrap_or_default()),
        trace: TraceId::from_bytes(id(8)),
        span: SpanId::from_bytes(id(24)),
        parent: SpanId::from_bytes(id(40)),
        time: u64::from_le_bytes(head[56..64].try_into().unwrap_or_default()),
    };
    Some((Record { header, parts: PartIter(parts) }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, Parts};

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let header = Header {
            kind: Kind::Start,
            detail: SpanType::Tool as u8,
            flags: StartFlags(StartFlags::ROOT | StartFlags::ENTRY),
            callsite: 9,
            trace: TraceId::random(),
            span: SpanId::random(),
            parent: SpanId::NONE,
            time: 1_234_567_890,
        };
        let mut parts = Vec::new();
        Parts::new(&mut parts).text(Field::Argument, "q", "why?");
        let mut bytes = header.encode(parts.len() as u32).to_vec();
        bytes.extend_from_slice(&parts);
        bytes.push(0);
        let (record, rest) = decode(&bytes).expect("a record");
        assert_eq!(record.header, header);
        assert_eq!(record.span_type(), SpanType::Tool);
        assert_eq!(record.parts.clone().next().map(|p| p.text()), Some("why?"));
        assert_eq!(rest, [0]);
        assert!(decode(rest).is_none());
    }
}
