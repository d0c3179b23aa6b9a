use galileo::log;

#[log(name = format!("x"))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
