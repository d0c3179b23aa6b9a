use galileo::log;

#[log(input = query, redact(query))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
