use galileo::log;

#[log(skip(client))]
fn search() {}

fn main() {}
