//! Which traces are recorded. The decision falls once, where a trace begins in this process, and holds for everything below.

use crate::model::{SpanType, TraceId};

/// Which traces are recorded.
///
/// The decision falls where a trace begins in this process, by its trace id, so that services which share a rate agree on a trace; it
/// travels in the W3C flag. What is below an unsampled root costs next to nothing: no value is captured, no record is made.
///
/// The default records everything, and nothing of a trace that the caller does not record.
///
/// ```
/// use galileo::sampling::Sampler;
/// use galileo::{SpanType, TraceId};
///
/// let trace = TraceId::random();
/// assert!(Sampler::always().samples(trace, SpanType::Workflow));
/// assert!(!Sampler::never().samples(trace, SpanType::Workflow));
///
/// // One trace in ten, but every trace that an agent begins.
/// let sampler = Sampler::ratio(0.1).for_type(SpanType::Agent, 1.0).parent_based();
/// assert!(sampler.samples(trace, SpanType::Agent));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// By the type of the span that begins the trace: sampled when the random part of the trace id is below.
    thresholds: [u64; SpanType::COUNT],
    parent_based: bool,
}

/// The random bits of a trace id that samplers of the W3C's second level agree on: the last seven bytes.
const RANDOM_BITS: u32 = 56;
const ALL: u64 = 1 << RANDOM_BITS;

impl Default for Sampler {
    fn default() -> Self {
        Self::always().parent_based()
    }
}

impl Sampler {
    /// Records every trace, whatever its caller decided.
    pub const fn always() -> Self {
        Self { thresholds: [ALL; SpanType::COUNT], parent_based: false }
    }

    /// Records no trace.
    pub const fn never() -> Self {
        Self { thresholds: [0; SpanType::COUNT], parent_based: false }
    }

    /// Records this share of the traces, between 0 and 1; a rate outside is the nearer of the two, and one that is not a number is 1.
    pub fn ratio(rate: f64) -> Self {
        Self { thresholds: [threshold(rate); SpanType::COUNT], parent_based: false }
    }

    /// The same rates for traces that begin here; a trace that came from another service is recorded if that service records it.
    #[must_use]
    pub const fn parent_based(mut self) -> Self {
        self.parent_based = true;
        self
    }

    /// The same sampler with another rate for traces that begin with a span of this type.
    #[must_use]
    pub fn for_type(mut self, span_type: SpanType, rate: f64) -> Self {
        if let Some(slot) = self.thresholds.get_mut(span_type as usize) {
            *slot = threshold(rate);
        }
        self
    }

    /// Whether a trace with this id that begins with a span of this type is recorded.
    pub fn samples(&self, trace: TraceId, root: SpanType) -> bool {
        self.thresholds.get(root as usize).is_none_or(|t| is_below(trace, *t))
    }

    /// Whether the decision of a calling service is followed.
    pub fn is_parent_based(&self) -> bool {
        self.parent_based
    }

    /// Whether this is the default, which asks nothing of any trace.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The thresholds by span type, to be compared with [`is_below`].
    pub(crate) fn thresholds(&self) -> &[u64; SpanType::COUNT] {
        &self.thresholds
    }
}

/// Whether the random part of `trace` is below `threshold`.
#[inline]
pub(crate) fn is_below(trace: TraceId, threshold: u64) -> bool {
    let b = trace.to_bytes();
    u64::from_be_bytes([0, b[9], b[10], b[11], b[12], b[13], b[14], b[15]]) < threshold
}

fn threshold(rate: f64) -> u64 {
    if rate.is_nan() {
        return ALL;
    }
    // Exact: a power of two scales a float without rounding, and the cast saturates.
    (rate.clamp(0.0, 1.0) * ALL as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_takes_its_share_and_the_same_traces_as_a_larger_one() {
        let (some, more) = (Sampler::ratio(0.25), Sampler::ratio(0.5));
        let traces: Vec<_> = (0..20_000).map(|_| TraceId::random()).collect();
        let taken = traces.iter().filter(|t| some.samples(**t, SpanType::Workflow)).count();
        // Six standard deviations of a binomial with these figures are 370.
        assert!((4_600..5_400).contains(&taken), "{taken} of 20,000");
        assert!(traces.iter().all(|t| !some.samples(*t, SpanType::Workflow) || more.samples(*t, SpanType::Workflow)));
    }

    #[test]
    fn rates_outside_their_range_are_the_nearer_bound() {
        for (rate, sampler, why) in [
            (-1.0, Sampler::never(), "negative"),
            (0.0, Sampler::never(), "zero"),
            (1.0, Sampler::always(), "one"),
            (7.0, Sampler::always(), "above one"),
            (f64::INFINITY, Sampler::always(), "infinite"),
            (f64::NAN, Sampler::always(), "a typing error must not lose traces"),
        ] {
            assert_eq!(Sampler::ratio(rate), sampler, "{why}");
        }
    }
}
