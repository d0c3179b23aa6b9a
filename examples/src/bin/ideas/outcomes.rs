//! How a call ends is recorded: with a value, an error, a panic, or not at all because nobody waited for it.

use std::future::pending;
use std::io;
use std::time::Duration;

use galileo::{Mode, init, log};

#[log(span_type = "tool")]
fn open(name: &str) -> Result<String, io::Error> {
    if name == "log" { Ok("opened".to_owned()) } else { Err(io::Error::other("there is no such file")) }
}

#[log(span_type = "tool")]
fn divide(a: u32, b: u32) -> u32 {
    a / b
}

#[log(span_type = "tool")]
async fn wait_for_ever() {
    pending::<()>().await;
}

#[log]
async fn try_everything() {
    println!("{:?}, {:?}", open("log"), open("lgo"));
    // Only so that this program goes on.
    println!("{:?}", std::panic::catch_unwind(|| divide(1, 0)).is_err());
    println!("{:?}", tokio::time::timeout(Duration::from_millis(10), wait_for_ever()).await);
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    try_everything().await;
    Ok(())
}
