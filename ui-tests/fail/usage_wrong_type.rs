use galileo::log;

#[log(span_type = "llm", usage = |result| "many")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
