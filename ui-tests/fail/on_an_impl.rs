use galileo::log;

#[log]
impl Query {
    fn run(&self) {}
}

struct Query;

fn main() {}
