use galileo::log;

#[log]
use std::fmt;

fn main() {}
