//! Random programs in calm and in bad weather: whatever happens, everything arrives once and in order.

use std::time::Duration;

use super::program::{Chance, Program};
use super::{LINGER, Run};
use crate::config::Mode;
use crate::pipeline::combine::{Refusal, Step, StepKind, StepLimits};

/// What a run allows to happen.
#[derive(Clone, Copy)]
struct Weather {
    mode: Mode,
    /// Spans may begin under spans that are over, in traces that may be complete.
    late: bool,
    /// Requests fail for a while.
    failures: bool,
    /// The backend refuses groups, and takes the same records alone.
    no_groups: bool,
}

impl Run {
    /// Sends and answers until nothing can be sent, or `most` answers were given.
    fn serve(&mut self, chance: &mut Chance, weather: Weather, most: usize) {
        let limits = StepLimits {
            bytes: 2_000 + chance.below(20_000) as usize,
            depth: 1 + chance.below(5) as u32,
            single: false,
        };
        let mut flying: Vec<Step> = Vec::new();
        for _ in 0..most {
            while flying.len() < 4 {
                let Some(step) = self.combine.next(&mut self.store, limits, self.now) else { break };
                if !self.is_too_late(&step) {
                    self.backend.arrives(&self.combine, &self.store, &step);
                }
                flying.push(step);
            }
            if flying.is_empty() {
                break;
            }
            let step = flying.swap_remove(chance.below(flying.len() as u64) as usize);
            self.answer(chance, weather, step);
        }
        for step in flying {
            self.combine.refused(&mut self.store, step, Refusal::Later, self.now);
        }
        self.delivered += self.combine.take_tally().delivered;
    }

    /// Whether a strict backend says that the trace is complete.
    fn is_too_late(&self, step: &Step) -> bool {
        let trace = match step.kind {
            StepKind::CreateSpans { parent } => self.combine.node(parent).trace,
            StepKind::UpdateSpan { node } => self.combine.node(node).trace,
            _ => return false,
        };
        self.backend.traces.get(&self.combine.trace_id(trace)) == Some(&true)
    }

    fn answer(&mut self, chance: &mut Chance, weather: Weather, step: Step) {
        let refusal = if self.is_too_late(&step) {
            assert!(weather.late);
            Some(Refusal::Complete)
        } else if weather.no_groups && step.items.len() > 1 {
            Some(Refusal::Never)
        } else if weather.failures && chance.one_in(4) {
            Some(if chance.one_in(3) && step.items.len() > 1 { Refusal::TooLarge } else { Refusal::Later })
        } else {
            None
        };
        match refusal {
            Some(refusal) => {
                self.combine.refused(&mut self.store, step, refusal, self.now);
            }
            None => {
                self.backend.accepts(&self.combine, &step);
                self.combine.accepted(&mut self.store, step, self.now);
            }
        }
    }
}

fn run(seed: u64, weather: Weather) -> Run {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut program = Program::new(Chance(chance.next() | 1));
    let mut run = Run::new(weather.mode);
    for _ in 0..40 {
        let mut records: Vec<Vec<u8>> = Vec::new();
        for _ in 0..chance.below(12) {
            records.extend(program.act(weather.late));
        }
        if chance.one_in(3) && records.len() > 1 {
            // Two threads: what the second one pushed is seen first.
            let at = chance.below(records.len() as u64) as usize;
            records.rotate_left(at);
        }
        run.look(&records);
        run.now += Duration::from_millis(chance.below(1_500));
        let most = chance.below(8) as usize;
        run.serve(&mut chance, weather, most);
    }
    let rest: Vec<Vec<u8>> = (0..program.open.len()).map(|_| program.end(0)).collect();
    run.look(&rest);
    run.look(&[]);
    for _ in 0..200 {
        run.now += LINGER;
        run.serve(&mut chance, weather, 10_000);
    }
    assert_eq!(run.accepted, program.spans, "seed {seed}");
    assert_eq!(run.delivered, run.accepted, "seed {seed}: spans were lost");
    assert!(run.combine.is_idle(), "seed {seed}: work is left");
    assert_eq!((run.store.len(), run.store.bytes(), run.combine.live_traces), (0, 0, 0), "seed {seed}: memory is left");
    assert_eq!(run.combine.free.len(), run.combine.nodes.len(), "seed {seed}: nodes leak");
    assert!(run.backend.traces.values().all(|complete| *complete), "seed {seed}: a trace is not complete");
    assert!(run.backend.completions.values().all(|times| *times == 1), "seed {seed}: a trace is completed twice");
    for trace in &program.roots {
        assert!(run.backend.traces.contains_key(&trace.to_bytes()), "seed {seed}: a trace was not created");
    }
    run.linked = run.backend.traces.len() - program.roots.len();
    assert!(weather.late || run.linked == 0, "seed {seed}: a trace that nobody began");
    run
}

const CALM: Weather = Weather { mode: Mode::Distributed, late: false, failures: false, no_groups: false };

#[test]
fn every_program_is_delivered_in_order_and_completed_once() {
    for seed in 1..300 {
        for mode in [Mode::Distributed, Mode::Batch] {
            run(seed, Weather { mode, ..CALM });
        }
    }
}

#[test]
fn failures_change_nothing_but_the_time() {
    for seed in 1..300 {
        for mode in [Mode::Distributed, Mode::Batch] {
            run(seed, Weather { mode, failures: true, ..CALM });
        }
    }
}

#[test]
fn a_backend_that_takes_no_groups_gets_one_span_a_request() {
    for seed in 1..100 {
        for mode in [Mode::Distributed, Mode::Batch] {
            assert!(run(seed, Weather { mode, no_groups: true, ..CALM }).combine.single, "seed {seed}");
        }
    }
}

#[test]
fn work_that_outlives_its_trace_goes_into_a_linked_one() {
    let mut linked = 0;
    for seed in 1..300 {
        for failures in [false, true] {
            let run = run(seed, Weather { late: true, failures, ..CALM });
            linked += run.linked;
        }
    }
    assert!(linked > 0);
}
