//! Code that is being typed keeps its own message.
use galileo::log;

#[log]
fn search(query: &str) -> usize {
    query.
}

fn main() {}
