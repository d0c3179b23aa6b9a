use galileo::log;

#[log(name = "search {query")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
