use galileo::log;

#[log(capture_as(topk = Debug))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
