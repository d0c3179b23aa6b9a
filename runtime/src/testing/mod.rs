//! Traces as tests: run code, look at the spans that it made.
//!
//! Nothing is started and nothing is sent. Each run sees the traces that began in it and no others, so tests run in parallel; a pipeline
//! that the program has started goes on as it was. The [guide's chapter](crate::guide::testing) has more.
//!
//! ```
//! use galileo::{Span, testing};
//!
//! fn answer(question: &str) -> String {
//!     let found = Span::tool("search").input(question).in_scope(|| 3);
//!     format!("{found} documents")
//! }
//!
//! let (said, trace) = testing::run(|| Span::workflow("answer").in_scope(|| answer("moons")));
//! assert_eq!(said, "3 documents");
//! trace.no_errors().span_count(2).tool_used("search");
//! assert_eq!(trace.to_string(), "workflow answer\n└─ tool search \"moons\"\n");
//! ```

mod check;
mod pattern;
mod runner;
mod trace;
mod tree;

pub use check::{Count, Spans};
pub use runner::{Runner, Running, deterministic, run, run_async};
pub use trace::Trace;
pub use tree::Tree;
