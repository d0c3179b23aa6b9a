use galileo::log;

#[log(unknown)]
fn search(query: &str) -> usize {
    query.len()
}

#[log(unknown)]
struct Engine {
    name: String,
}

fn main() {
    // Both items are there, so these lines are fine.
    let engine = Engine { name: String::new() };
    search(&engine.name);
}
