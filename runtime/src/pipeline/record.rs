//! The records that travel from a span to the worker.
//!
//! A span is two self-contained records, START and END, so that it is visible while it is open and a future may end on another thread than
//! it began on. Records of one thread arrive in order; between threads there is no order, and an END may be seen before its START.
//!
//! ```text
//! record = header | parts (see model::part)
//! header = kind u8 | detail u8 | flags u8 | 0 | parts length u32 | time u64 | trace 16 | span 16     48 bytes
//!          START only:                                            parent 16 | callsite u64          72 bytes
//! ```
//!
//! The words of a header are in the processor's order: records never leave the process.

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

    /// It comes from the spool.
    pub(crate) const SPOOLED: u8 = 16;
    /// Its trace had been created when it went there.
    pub(crate) const TRACE_CREATED: u8 = 32;
    /// It had been created itself, while it was open.
    pub(crate) const SPAN_CREATED: u8 = 64;
    /// It had been delivered whole; it is there because its values stand for a trace that is not complete.
    pub(crate) const DELIVERED: u8 = 128;

    /// On an END: the span is of the type in the low bits, whatever its START said.
    const RETYPED: u8 = 8;

    /// The flags of an END that says what the span is.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn retyped(span_type: SpanType) -> Self {
        Self(Self::RETYPED | span_type as u8)
    }

    pub(crate) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

/// The longest header in bytes.
pub(crate) const HEADER: usize = 8 * START_WORDS;
const WORDS: usize = 6;
const START_WORDS: usize = 9;

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
    /// The header of anything but a START.
    #[inline]
    pub(crate) fn words(&self, parts_len: u32) -> [u64; WORDS] {
        let facts = u32::from_le_bytes([self.kind as u8, self.detail, self.flags.0, 0]);
        let [t0, t1] = words_of(self.trace.to_bytes());
        let [s0, s1] = words_of(self.span.to_bytes());
        [u64::from(facts) | u64::from(parts_len) << 32, self.time, t0, t1, s0, s1]
    }

    /// The header of a START.
    #[inline]
    pub(crate) fn start_words(&self, parts_len: u32) -> [u64; START_WORDS] {
        let [facts, time, t0, t1, s0, s1] = self.words(parts_len);
        let [p0, p1] = words_of(self.parent.to_bytes());
        [facts, time, t0, t1, s0, s1, p0, p1, u64::from(self.callsite)]
    }

    /// The header as bytes.
    #[cfg(test)]
    pub(crate) fn encode(&self, parts_len: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode_into(parts_len, &mut bytes);
        bytes
    }

    /// Appends the header as bytes, for the spool.
    pub(crate) fn encode_into(&self, parts_len: u32, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Start => out.extend(self.start_words(parts_len).iter().flat_map(|word| word.to_ne_bytes())),
            _ => out.extend(self.words(parts_len).iter().flat_map(|word| word.to_ne_bytes())),
        }
    }
}

#[inline]
fn words_of(id: [u8; 16]) -> [u64; 2] {
    let both = u128::from_ne_bytes(id);
    [both as u64, (both >> 64) as u64]
}

fn id_of(words: [u64; 2]) -> [u8; 16] {
    (u128::from(words[1]) << 64 | u128::from(words[0])).to_ne_bytes()
}

/// The parts of a record's tail.
pub(crate) fn parts(bytes: &[u8]) -> PartIter<'_> {
    PartIter(bytes)
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

    /// The type that an END gives the span, if it gives one.
    pub(crate) fn retyped(&self) -> Option<SpanType> {
        let flags = self.header.flags;
        flags.has(StartFlags::RETYPED).then(|| SpanType::from_u8(flags.0 & !StartFlags::RETYPED))
    }

    /// The outcome of an END.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::from_u8(self.header.detail)
    }
}

/// Reads the first record of `bytes`; the rest of the bytes comes back with it. `None` at the end, or where the bytes are no record.
#[inline]
pub(crate) fn decode(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let ([facts, time, t0, t1, s0, s1], mut rest) = take::<WORDS>(bytes)?;
    let [kind, detail, flags, _, length @ ..] = facts.to_le_bytes();
    let kind = match kind {
        1 => Kind::Start,
        2 => Kind::End,
        3 => Kind::Note,
        4 => Kind::Propagated,
        5 => Kind::Hold,
        6 => Kind::Release,
        _ => return None,
    };
    let (mut parent, mut callsite) = (SpanId::NONE, 0);
    if kind == Kind::Start {
        let ([p0, p1, number], behind) = take::<{ START_WORDS - WORDS }>(rest)?;
        (parent, callsite, rest) = (SpanId::from_bytes(id_of([p0, p1])), number as u32, behind);
    }
    let (parts, rest) = rest.split_at_checked(u32::from_le_bytes(length) as usize)?;
    let header = Header {
        kind,
        detail,
        flags: StartFlags(flags),
        callsite,
        trace: TraceId::from_bytes(id_of([t0, t1])),
        span: SpanId::from_bytes(id_of([s0, s1])),
        parent,
        time,
    };
    Some((Record { header, parts: PartIter(parts) }, rest))
}

fn take<const N: usize>(bytes: &[u8]) -> Option<([u64; N], &[u8])> {
    let mut words = [0; N];
    let (head, rest) = bytes.split_at_checked(8 * N)?;
    for (word, bytes) in words.iter_mut().zip(head.as_chunks::<8>().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    Some((words, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, Parts};

    fn header(kind: Kind) -> Header {
        let is_start = kind == Kind::Start;
        Header {
            kind,
            detail: SpanType::Tool as u8,
            flags: StartFlags(StartFlags::ROOT | StartFlags::ENTRY),
            callsite: if is_start { 9 } else { 0 },
            trace: TraceId::random(),
            span: SpanId::random(),
            parent: if is_start { SpanId::random() } else { SpanId::NONE },
            time: 1_234_567_890,
        }
    }

    fn encode(header: &Header, parts: &[u8]) -> Vec<u8> {
        [header.encode(parts.len() as u32), parts.to_vec()].concat()
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        for kind in [Kind::Start, Kind::End, Kind::Note, Kind::Propagated, Kind::Hold, Kind::Release] {
            let header = header(kind);
            let mut parts = Vec::new();
            Parts::new(&mut parts).text(Field::Argument, "q", "why?");
            let mut bytes = encode(&header, &parts);
            bytes.push(0);
            let (record, rest) = decode(&bytes).expect("a record");
            assert_eq!(record.header, header);
            assert_eq!(record.span_type(), SpanType::Tool);
            assert_eq!(record.parts.clone().next().map(|p| p.text()), Some("why?"));
            assert_eq!(rest, [0]);
            assert!(decode(rest).is_none());
        }
    }

    #[test]
    fn bytes_that_are_no_record_end_the_reading() {
        let whole = encode(&header(Kind::Start), b"12345678");
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).is_none(), "cut at {end}");
        }
        let mut unknown = whole;
        unknown[0] = 77;
        assert!(decode(&unknown).is_none());
    }
}
