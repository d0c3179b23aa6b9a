use galileo::log;

#[log(name = "search {qeury}")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
