//! The compiler's messages about the user's code stand where they would stand without the attribute.
use galileo::log;

#[log]
fn wrong_type(query: &str) -> usize {
    query.to_owned()
}

#[log]
fn missing_value(query: &str) -> usize {
    query.len();
}

#[log]
async fn wrong_type_async(query: &str) -> usize {
    query.to_owned()
}

#[log]
async fn wrong_early_return(query: &str) -> Result<usize, String> {
    if query.is_empty() {
        return Err(5);
    }
    Ok(1)
}

#[log]
fn question_mark(query: &str) -> Result<u8, std::fmt::Error> {
    Ok(query.parse::<u8>()?)
}

#[log]
fn unknown_name(query: &str) -> usize {
    qeury.len()
}

fn main() {}
