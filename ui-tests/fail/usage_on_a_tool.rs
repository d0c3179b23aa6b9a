use galileo::log;

#[log(span_type = "tool", usage = |result| (1, 2))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
