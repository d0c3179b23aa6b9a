//! The `galileo-console` command.
fn main() {}
