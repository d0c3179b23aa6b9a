use galileo::log;

#[log]
type Text = String;

fn main() {}
