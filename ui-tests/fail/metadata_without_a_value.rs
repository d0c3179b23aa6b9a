use galileo::log;

#[log(metadata(region))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
