use galileo::log;

#[log(level = "info")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
