//! How a console is started: where it listens is up to the caller of [`crate::serve`], what it keeps and whom it lets in is here.

use std::path::PathBuf;

/// Settings of one console.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The database file; `None` keeps everything in memory.
    pub database: Option<PathBuf>,
    /// Whoever asks must present this token. Needed when the console can be reached from other machines.
    pub token: Option<String>,
    /// Names besides `localhost`, `127.0.0.1` and `[::1]` that a `Host` header may carry.
    pub hosts: Vec<String>,
}
