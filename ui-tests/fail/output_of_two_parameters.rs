use galileo::log;

#[log(output = |a, b| a)]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
