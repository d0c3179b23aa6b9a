use galileo::log;

#[log(err = Serialize)]
fn search(query: &str) -> Result<usize, String> {
    Ok(query.len())
}

fn main() {}
