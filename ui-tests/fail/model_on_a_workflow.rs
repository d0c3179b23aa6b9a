use galileo::log;

#[log(model = "gpt-4o")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
