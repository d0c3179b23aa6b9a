//! A process that dies of a panic as under `panic = "abort"`: no destructor runs after the panic's message.
//!
//! Takes the backend's address, the mode and the spool's folder. What the mode has promised by then is settled before it dies.

use galileo::config::SpoolMode;
use galileo::{Config, Mode, log};
use std::time::Duration;

#[log(span_type = "tool")]
fn finishes(n: u8) -> u8 {
    n + 1
}

#[log(span_type = "workflow")]
fn dies(limit: Duration) {
    finishes(1);
    galileo::flush(limit);
    panic!("no way back");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, mode, folder] = arguments.as_slice() else { return Err("usage: aborts URL MODE FOLDER".into()) };
    let (mode, spool, limit) = match mode.as_str() {
        "distributed" => (Mode::Distributed, SpoolMode::Off, Duration::from_secs(30)),
        // Each record is on disk before the call that made it returns; there is nothing to wait for.
        _ => (Mode::Batch, SpoolMode::Always, Duration::ZERO),
    };
    let config = Config::builder().without_dotenv().mode(mode).api_url(url).api_key("key-of-the-test");
    let _guard = config.spool(spool).spool_dir(folder).init()?;
    // What `panic = "abort"` does once the hook has returned, which here comes first.
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    dies(limit);
    Ok(())
}
