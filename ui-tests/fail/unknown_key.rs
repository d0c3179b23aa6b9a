use galileo::log;

#[log(span_tpye = "tool")]
fn search(query: &str) -> usize {
    query.len()
}

fn main() {}
