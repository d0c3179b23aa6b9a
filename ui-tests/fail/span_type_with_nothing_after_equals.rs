use galileo::log;

#[log(span_type = , name = "x")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
