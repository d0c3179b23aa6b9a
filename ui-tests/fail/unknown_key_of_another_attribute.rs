use galileo::log;

#[log(ret, fields(query = 1), session_id = "x")]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
