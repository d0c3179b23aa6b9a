use galileo::log;

#[log(skip(client))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
