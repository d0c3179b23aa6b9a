//! Programs that open and end spans in random order.

use crate::model::{Field, Outcome, Parts, SpanId, TraceId};
use crate::pipeline::record::{Header, Kind, StartFlags};

/// A small generator, so that a failing seed can be run again.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A program that opens and ends spans in random order.
pub(super) struct Program {
    chance: Chance,
    pub(super) open: Vec<(TraceId, SpanId)>,
    /// Ended spans under which late work may begin.
    ended: Vec<(TraceId, SpanId)>,
    pub(super) roots: Vec<TraceId>,
    pub(super) spans: u64,
}

impl Program {
    fn record(&mut self, kind: Kind, trace: TraceId, span: SpanId, parent: SpanId, flags: u8) -> Vec<u8> {
        let mut parts = Vec::new();
        let text = "x".repeat(self.chance.below(400) as usize);
        Parts::new(&mut parts).text(Field::Tag, "", &text);
        let span_type = self.chance.below(6) as u8;
        let detail = if kind == Kind::End { Outcome::Ok as u8 } else { span_type };
        let header = Header {
            kind,
            detail,
            flags: StartFlags(flags),
            callsite: 0,
            trace,
            span,
            parent,
            time: 1_000 + self.spans,
        };
        let mut bytes = header.encode(parts.len() as u32).to_vec();
        bytes.extend_from_slice(&parts);
        bytes
    }

    pub(super) fn new(chance: Chance) -> Self {
        Self { chance, open: Vec::new(), ended: Vec::new(), roots: Vec::new(), spans: 0 }
    }

    pub(super) fn act(&mut self, late: bool) -> Vec<Vec<u8>> {
        let pick = self.chance.below(10);
        if self.open.is_empty() || pick == 0 {
            let (trace, span) = (TraceId::random(), SpanId::random());
            self.roots.push(trace);
            self.open.push((trace, span));
            self.spans += 1;
            return vec![self.record(Kind::Start, trace, span, SpanId::NONE, StartFlags::ROOT | StartFlags::ENTRY)];
        }
        let at = self.chance.below(self.open.len() as u64) as usize;
        match pick {
            1..=4 => {
                let (trace, parent) = self.open[at];
                vec![self.child(trace, parent)]
            }
            5 => {
                let (trace, span) = self.open[at];
                vec![self.record(Kind::Propagated, trace, span, SpanId::NONE, 0)]
            }
            6 if late && !self.ended.is_empty() => {
                // Work that begins under a span that is over.
                let (trace, parent) = self.ended[self.chance.below(self.ended.len() as u64) as usize];
                vec![self.child(trace, parent)]
            }
            _ => vec![self.end(at)],
        }
    }

    fn child(&mut self, trace: TraceId, parent: SpanId) -> Vec<u8> {
        let span = SpanId::random();
        self.open.push((trace, span));
        self.spans += 1;
        self.record(Kind::Start, trace, span, parent, 0)
    }

    pub(super) fn end(&mut self, at: usize) -> Vec<u8> {
        let (trace, span) = self.open.swap_remove(at);
        self.ended.push((trace, span));
        self.record(Kind::End, trace, span, SpanId::NONE, 0)
    }
}
