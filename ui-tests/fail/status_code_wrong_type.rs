use galileo::log;

#[log(status_code = |result| "ok")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
