//! Whether a cache answered: the console counts hits and says what they saved.

use std::collections::HashMap;

use galileo::{Mode, init, log};

#[log(span_type = "tool", skip(cache), cache_hit = |found| found.is_some())]
fn look_up(cache: &HashMap<String, usize>, word: &str) -> Option<usize> {
    cache.get(word).copied()
}

#[log(skip(cache))]
fn count(cache: &mut HashMap<String, usize>, word: &str) -> usize {
    look_up(cache, word).unwrap_or_else(|| *cache.entry(word.to_owned()).or_insert(word.len()))
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let mut cache = HashMap::new();
    println!("{} {}", count(&mut cache, "Callisto"), count(&mut cache, "Callisto"));
    Ok(())
}
