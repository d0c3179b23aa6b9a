use galileo::log;

#[log(err = Debug)]
fn nothing() {}

fn main() {}
