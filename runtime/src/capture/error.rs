//! The text of an error: what it says, and what its causes say beyond that.

use std::error::Error;
use std::fmt::{self, Write};
use std::ops::Deref;

/// An error as a trait object. `Via` tells how the error is reached, so that both blanket implementations can stand side by side.
pub trait ErrorText<Via> {
    /// Writes the error and its causes, outermost first.
    fn write(&self, out: &mut dyn Write) -> fmt::Result;
}

/// The value implements `Error` itself.
#[derive(Debug)]
pub enum Itself {}
/// The value points at an error, as `Box<dyn Error>` and `anyhow::Error` do.
#[derive(Debug)]
pub enum Target {}

impl<E: Error> ErrorText<Itself> for E {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        write_chain(&self, self.source(), out)
    }
}

impl<E: Deref<Target: Error>> ErrorText<Target> for E {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let error = self.deref();
        write_chain(&error, error.source(), out)
    }
}

/// Causes that repeat what was said already (many error types print their source themselves) are left out.
fn write_chain(
    error: &dyn fmt::Display,
    mut source: Option<&(dyn Error + 'static)>,
    out: &mut dyn Write,
) -> fmt::Result {
    if source.is_none() {
        return write!(out, "{error}");
    }
    let mut said = error.to_string();
    out.write_str(&said)?;
    // A chain that is a ring would never end.
    for _ in 0..32 {
        let Some(cause) = source else { break };
        let text = cause.to_string();
        if !said.contains(&text) {
            write!(out, ": {text}")?;
            said.push_str(&text);
        }
        source = cause.source();
    }
    Ok(())
}
