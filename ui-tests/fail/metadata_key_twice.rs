use galileo::log;

#[log(metadata(region = 1, "region" = 2))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
