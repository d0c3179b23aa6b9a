//! Threads and pools: a closure that is wrapped runs in the context in which it was made.

use galileo::{Context, Mode, init, log};

#[log(span_type = "tool")]
fn square(number: u64) -> u64 {
    number * number
}

#[log]
fn sum_of_squares(numbers: &[u64]) -> u64 {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            numbers.iter().map(|number| scope.spawn(Context::current().wrap(|| square(*number)))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    println!("{}", sum_of_squares(&[3, 4]));
    Ok(())
}
