use galileo::log;

#[log]
trait Tool {
    fn run(&self);
}

fn main() {}
