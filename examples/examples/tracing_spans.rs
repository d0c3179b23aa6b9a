//! Spans of `#[log]` in the logs that a program has already: each line of `tracing` says in which of them it was written.

use galileo::{Config, export::Memory, tracing_layer::TracingSpans};
use std::error::Error;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

#[galileo::log(span_type = "tool")]
fn lookup(city: &str) -> usize {
    tracing::info!("looking for {city}");
    city.len()
}

/// Logs into memory and looks at the line.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let galileo = Config::builder().exporter(Memory::new()).init()?;
    TracingSpans::new().values(true).install();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone());
    tracing::subscriber::with_default(subscriber.finish(), || lookup("Pisa"));
    drop(galileo);
    let text = String::from_utf8(lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone())?;
    assert!(text.contains("lookup{") && text.contains("looking for Pisa"), "{text}");
    Ok(())
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
