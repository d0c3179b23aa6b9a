//! What a call of a language model consumed.

use std::time::Duration;

/// What a call of a language model consumed; absent figures stay absent.
///
/// ```
/// use galileo::Usage;
///
/// let usage = Usage::tokens(120, 30);
/// assert_eq!(usage.total_tokens, Some(150));
/// assert_eq!(Usage::from((120, 30)), usage);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// All tokens.
    pub total_tokens: Option<u64>,
    /// Tokens of the prompt that came from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// From the call to the first piece of the answer.
    pub time_to_first_token: Option<Duration>,
}

impl Usage {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens of the prompt and of the answer; the total is their sum.
    pub fn tokens(input: u64, output: u64) -> Self {
        Self {
            input_tokens: Some(input),
            output_tokens: Some(output),
            total_tokens: Some(input.saturating_add(output)),
            ..Self::default()
        }
    }

    /// The same usage with the tokens that came from the provider's cache.
    #[must_use]
    pub fn cached(mut self, tokens: u64) -> Self {
        self.cached_tokens = Some(tokens);
        self
    }

    /// The same usage with the time to the first piece of the answer.
    #[must_use]
    pub fn first_token_after(mut self, time: Duration) -> Self {
        self.time_to_first_token = Some(time);
        self
    }

    /// The figures by their names in the metrics object of the wire.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let nanos = |t: Duration| u64::try_from(t.as_nanos()).unwrap_or(u64::MAX);
        [
            ("num_input_tokens", self.input_tokens),
            ("num_output_tokens", self.output_tokens),
            ("num_total_tokens", self.total_tokens),
            ("num_cached_input_tokens", self.cached_tokens),
            ("time_to_first_token_ns", self.time_to_first_token.map(nanos)),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|v| (name, v)))
    }
}

/// Input and output tokens.
impl From<(u64, u64)> for Usage {
    fn from((input, output): (u64, u64)) -> Self {
        Self::tokens(input, output)
    }
}
