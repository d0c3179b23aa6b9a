//! What the console knows about traces, in the form that pages, terminal and API read.
//!
//! Times are nanoseconds since the Unix epoch in UTC, durations are nanoseconds. Ids are always in UUID version 4 form,
//! whatever protocol they came by.

mod id;
mod query;
mod scope;
mod span;
mod trace;

pub(crate) use id::low_key;
pub use id::{Id, NotAnId};
pub use query::{Cursor, Page, TraceQuery};
pub use scope::{LogStream, Project, Session, SessionSummary};
pub use span::{Detail, Orphan, Outcome, Sources, SpanNode, SpanType, SpanView, Tokens};
pub use trace::{Change, Depth, Failure, Skew, TraceSummary, TraceView};
