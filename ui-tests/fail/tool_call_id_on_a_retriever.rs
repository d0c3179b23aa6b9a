use galileo::log;

#[log(span_type = "retriever", tool_call_id = "c")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
