use galileo::log;

#[log(redact(self))]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
