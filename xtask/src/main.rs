//! The chores that CI and people call.
fn main() {}
