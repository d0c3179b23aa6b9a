use galileo::log;

trait Tool {
    #[log]
    fn run(&self, query: &str) -> String;
}

struct Echo;

// The trait still has its method, so there is no second message here.
impl Tool for Echo {
    fn run(&self, query: &str) -> String {
        query.to_owned()
    }
}

fn main() {}
