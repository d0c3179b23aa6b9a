use galileo::log;

#[log(metadata(region = regoin))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
