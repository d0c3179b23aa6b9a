use galileo::log;

#[log(nmae = "a", span_type = "tol", skip(qeury), usage = |r| *r, skip_all = true)]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
