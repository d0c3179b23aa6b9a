use galileo::log;

#[log]
pub enum Kind {
    A,
}

fn main() {}
