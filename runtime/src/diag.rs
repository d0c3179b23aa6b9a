//! The SDK's own voice: short lines on standard error, at most one per cause and minute, never through the pipeline.
//! `GALILEO_LOG_LEVEL` chooses how much is said; the default is warnings.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much the SDK says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
#[repr(u8)]
pub enum LogLevel {
    /// Nothing at all.
    Off = 0,
    /// Only what stops delivery.
    Error = 1,
    /// What loses or delays data, or is likely a mistake. The default.
    #[default]
    Warn = 2,
    /// What the SDK connects to and when it starts and stops.
    Info = 3,
    /// Every request.
    Debug = 4,
}

impl LogLevel {
    /// Reads a level by the names of this SDK and of Python's `logging`, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        const NAMES: [(&str, LogLevel); 9] = [
            ("off", LogLevel::Off),
            ("none", LogLevel::Off),
            ("critical", LogLevel::Error),
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("warning", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Debug),
        ];
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|&(_, level)| level)
    }

    fn label(self) -> &'static str {
        match self {
            Self::Off | Self::Error => "error",
            Self::Warn => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// One line per cause and this long; the next one says how many were left out.
const INTERVAL: Duration = Duration::from_secs(60);
/// Causes are a small fixed set in the code; the table is bounded in case that ever stops being true.
const MAX_CAUSES: usize = 256;

/// A channel of its own with its own level and memory. The process has one; tests make theirs.
pub(crate) struct Diagnostics {
    level: AtomicU8,
    said: Mutex<Vec<Said>>,
    write: fn(&str),
}

struct Said {
    cause: &'static str,
    at: Instant,
    left_out: u64,
}

impl Diagnostics {
    pub(crate) const fn new(write: fn(&str)) -> Self {
        Self { level: AtomicU8::new(LogLevel::Warn as u8), said: Mutex::new(Vec::new()), write }
    }

    pub(crate) fn set_level(&self, level: LogLevel) {
        // A late reader only says one line more or less.
        self.level.store(level as u8, Ordering::Relaxed);
    }

    pub(crate) fn says(&self, level: LogLevel) -> bool {
        level != LogLevel::Off && level as u8 <= self.level.load(Ordering::Relaxed)
    }

    /// Says a line unless the same cause was heard within the interval.
    #[cold]
    pub(crate) fn say(&self, level: LogLevel, cause: &'static str, now: Instant, message: fmt::Arguments<'_>) {
        if !self.says(level) {
            return;
        }
        let left_out = match self.admit(cause, now) {
            Some(left_out) => left_out,
            None => return,
        };
        let mut line = String::with_capacity(160);
        let _ = write!(line, "galileo: {}: {}", level.label(), Escaped(message));
        if left_out > 0 {
            let _ = write!(line, " ({left_out} more of these were not shown)");
        }
        line.push('\n');
        (self.write)(&line);
    }

    fn admit(&self, cause: &'static str, now: Instant) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = said.iter_mut().find(|entry| entry.cause == cause) {
            if now.saturating_duration_since(entry.at) < INTERVAL {
                entry.left_out += 1;
                return None;
            }
            entry.at = now;
            return Some(std::mem::take(&mut entry.left_out));
        }
        if said.len() < MAX_CAUSES {
            said.push(Said { cause, at: now, left_out: 0 });
        }
        Some(0)
    }
}

/// Formats text so that it cannot steer a terminal or forge a second line.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Filter<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Filter<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for c in text.chars() {
                    if c.is_control() || is_invisible(c) {
                        write!(self.0, "{}", c.escape_unicode())?;
                    } else {
                        self.0.write_char(c)?;
                    }
                }
                Ok(())
            }
        }
        write!(Filter(f), "{}", self.0)
    }
}

/// Bidirectional overrides and zero-width characters, with which a line can be made to read as another one.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

static GLOBAL: Diagnostics = Diagnostics::new(|line| {
    // Not `eprint!`: a closed standard error must not panic in someone else's program.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
});

/// Sets the level of the process.
pub(crate) fn set_level(level: LogLevel) {
    GLOBAL.set_level(level);
}

/// Whether a message of this level would be shown; asked before anything is put together for it.
pub(crate) fn says(level: LogLevel) -> bool {
    GLOBAL.says(level)
}

#[cold]
pub(crate) fn error(cause: &'static str, message: fmt::Arguments<'_>) {
    GLOBAL.say(LogLevel::Error, cause, Instant::now(), message);
}

#[cold]
pub(crate) fn warn(cause: &'static str, message: fmt::Arguments<'_>) {
    GLOBAL.say(LogLevel::Warn, cause, Instant::now(), message);
}

#[cold]
pub(crate) fn info(cause: &'static str, message: fmt::Arguments<'_>) {
    GLOBAL.say(LogLevel::Info, cause, Instant::now(), message);
}

/// Debug lines are not rate-limited: whoever asks for them wants each one.
#[cold]
pub(crate) fn debug(message: fmt::Arguments<'_>) {
    if GLOBAL.says(LogLevel::Debug) {
        let mut line = String::with_capacity(160);
        let _ = writeln!(line, "galileo: debug: {}", Escaped(message));
        (GLOBAL.write)(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each test has a sink of its own, because the sink is a plain function.
    macro_rules! recorder {
        ($name:ident) => {
            mod $name {
                pub(super) static LINES: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
                pub(super) fn write(line: &str) {
                    LINES.lock().expect("no panic while held").push(line.to_owned());
                }
                pub(super) fn take() -> Vec<String> {
                    std::mem::take(&mut *LINES.lock().expect("no panic while held"))
                }
            }
        };
    }

    #[test]
    fn one_line_per_cause_and_minute_and_the_rest_is_counted() {
        recorder!(sink);
        let diagnostics = Diagnostics::new(sink::write);
        let start = Instant::now();
        for seconds in [0, 1, 59] {
            diagnostics.say(LogLevel::Warn, "a", start + Duration::from_secs(seconds), format_args!("lost"));
        }
        diagnostics.say(LogLevel::Warn, "b", start, format_args!("other"));
        diagnostics.say(LogLevel::Warn, "a", start + Duration::from_secs(61), format_args!("lost"));
        assert_eq!(
            sink::take(),
            [
                "galileo: warning: lost\n",
                "galileo: warning: other\n",
                "galileo: warning: lost (2 more of these were not shown)\n"
            ]
        );
    }

    #[test]
    fn levels_cut_off_what_is_below_them() {
        recorder!(sink);
        let diagnostics = Diagnostics::new(sink::write);
        let now = Instant::now();
        diagnostics.say(LogLevel::Info, "a", now, format_args!("quiet by default"));
        diagnostics.set_level(LogLevel::Off);
        diagnostics.say(LogLevel::Error, "b", now, format_args!("off is off"));
        diagnostics.set_level(LogLevel::Info);
        diagnostics.say(LogLevel::Info, "c", now, format_args!("now heard"));
        assert_eq!(sink::take(), ["galileo: info: now heard\n"]);
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(Escaped("a\x1b[31m\r\nb\u{202e}").to_string(), "a\\u{1b}[31m\\u{d}\\u{a}b\\u{202e}");
        assert_eq!(Escaped("plain ä 漢").to_string(), "plain ä 漢");
    }

    #[test]
    fn level_names_of_both_worlds_are_understood() {
        let rows = [
            ("WARNING", Some(LogLevel::Warn)),
            ("debug", Some(LogLevel::Debug)),
            ("off", Some(LogLevel::Off)),
            ("loud", None),
        ];
        for (text, level) in rows {
            assert_eq!(LogLevel::parse(text), level, "{text}");
        }
    }
}
