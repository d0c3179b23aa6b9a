use galileo::log;

#[log]
struct Query {
    text: String,
}

fn main() {}
