use galileo::log;

#[log]
const LIMIT: u8 = 1;

fn main() {}
