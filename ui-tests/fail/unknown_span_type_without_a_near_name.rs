use galileo::log;

#[log(span_type = "chain")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
