//! How a console is started: where it listens is up to the caller of [`crate::serve`], what it keeps and whom it lets in is here.

use std::path::PathBuf;
use std::time::Duration;

use crate::forward::Target;

/// Settings of one console.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The database file; `None` keeps everything in memory.
    pub database: Option<PathBuf>,
    /// Whoever asks must present this token. Needed when the console can be reached from other machines.
    pub token: Option<String>,
    /// Names besides `localhost`, `127.0.0.1` and `[::1]` that a `Host` header may carry.
    pub hosts: Vec<String>,
    /// Traces that have not changed for this long are forgotten; `None` keeps them.
    pub keep_for: Option<Duration>,
    /// The oldest traces are forgotten when the database holds more bytes than this; `None` is no limit.
    pub keep_bytes: Option<u64>,
    /// Whereto every span is sent on.
    pub forward: Vec<Target>,
}
