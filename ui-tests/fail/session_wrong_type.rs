use galileo::log;

#[log(session = top_k)]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
