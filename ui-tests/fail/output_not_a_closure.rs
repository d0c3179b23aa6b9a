use galileo::log;

#[log(output = 5)]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
