//! Which traces are recorded, as settings: `GALILEO_SAMPLE_RATE`, else OpenTelemetry's sampler names.

use super::{Source, env};
use crate::diag;
use crate::error::InitError;

/// The share of traces to record and whether a caller's decision comes first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SamplingSettings {
    /// From 0 (nothing) to 1 (everything), decided by the trace id.
    pub(crate) ratio: f64,
    /// A trace that another service began keeps that service's decision.
    pub(crate) parent_based: bool,
}

impl Default for SamplingSettings {
    fn default() -> Self {
        Self { ratio: 1.0, parent_based: true }
    }
}

impl SamplingSettings {
    pub(super) fn resolve(source: &Source<'_>) -> Result<Self, InitError> {
        let argument = source.get(&env::OTEL_TRACES_SAMPLER_ARG);
        let sampler = source.get(&env::OTEL_TRACES_SAMPLER)?;
        if let Some(ratio) = source.get(&env::SAMPLE_RATE)? {
            return Ok(Self { ratio, parent_based: true });
        }
        let Some(sampler) = sampler else { return Ok(Self::default()) };
        // The argument means something only to the ratio samplers; others may have one of their own form.
        let ratio = |parent_based| Ok(Self { ratio: argument?.unwrap_or(1.0), parent_based });
        match sampler.as_str() {
            "always_on" => Ok(Self { ratio: 1.0, parent_based: false }),
            "always_off" => Ok(Self { ratio: 0.0, parent_based: false }),
            "traceidratio" => ratio(false),
            "parentbased_always_on" => Ok(Self { ratio: 1.0, parent_based: true }),
            "parentbased_always_off" => Ok(Self { ratio: 0.0, parent_based: true }),
            "parentbased_traceidratio" => ratio(true),
            other => {
                // Not an error: the variable is shared with other SDKs, which know samplers that this one does not.
                diag::warn(
                    "sampler",
                    format_args!("OTEL_TRACES_SAMPLER `{other}` is not known here; every trace is recorded"),
                );
                Ok(Self::default())
            }
        }
    }
}
