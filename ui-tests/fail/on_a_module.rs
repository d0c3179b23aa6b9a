use galileo::log;

#[log]
mod tools {}

fn main() {}
