//! Calls of model APIs over HTTP as llm spans, without code at the calls.
//!
//! [`LlmLayer`] goes around any HTTP client that is a tower service, [`send`] takes one request of `reqwest`. A request whose path is
//! that of OpenAI's chat completions or responses, or of Anthropic's messages, becomes an llm span: messages, tools, model,
//! temperature, and from the answer the message with its tool calls, token counts, finish reason and the time to the first piece.
//! Other requests pass untouched. An answer is watched while the program reads it and is never delayed, buffered or changed.
//!
//! Inside a span that is itself an llm span (`#[log(span_type = "llm")]`, a call of rig seen by `GalileoLayer`), what was learned is
//! added to that span instead, so that one call is one span.

mod api;
mod call;
mod parts;
mod sse;
mod tee;
#[cfg(test)]
mod tests;

#[cfg(feature = "reqwest")]
mod request;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "reqwest")]
pub use request::send;
pub use tee::Tee;
#[cfg(feature = "tower")]
pub use tower::{LlmLayer, LlmService};

/// What is recorded of a call.
#[derive(Clone, Copy, Debug)]
pub struct LlmOptions {
    pub(self) content: bool,
}

impl Default for LlmOptions {
    fn default() -> Self {
        Self { content: true }
    }
}

impl LlmOptions {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether messages, answers and tools are recorded; models, counts, times and errors always are. On by default.
    #[must_use]
    pub fn content(mut self, record: bool) -> Self {
        self.content = record;
        self
    }
}
