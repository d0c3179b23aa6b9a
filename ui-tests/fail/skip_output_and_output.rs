use galileo::log;

#[log(skip_output, output = |r| *r)]
fn search(query: &str, top_k: usize) -> usize {
    query.len() + top_k
}

fn main() {}
