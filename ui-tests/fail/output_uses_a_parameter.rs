use galileo::log;

#[log(output = |result| result + query.len())]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
