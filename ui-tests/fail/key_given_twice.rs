use galileo::log;

#[log(name = "a", span_type = "tool", name = "b")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
