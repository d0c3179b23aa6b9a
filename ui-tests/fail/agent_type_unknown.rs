use galileo::log;

#[log(span_type = "agent", agent_type = "planer")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
