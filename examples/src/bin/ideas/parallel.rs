//! Workflows that run at the same time, three deep: each has its own parent, in whatever order they go on.

use futures::future::join_all;
use galileo::{Mode, init, log};

#[log]
async fn book(chapters: usize) -> usize {
    join_all((0..chapters).map(chapter)).await.into_iter().sum()
}

#[log(name = "chapter {number}")]
async fn chapter(number: usize) -> usize {
    join_all((0..2).map(|page| page_of(number, page))).await.into_iter().sum()
}

#[log(name = "page {chapter}.{page}")]
async fn page_of(chapter: usize, page: usize) -> usize {
    count_words(chapter + page).await
}

#[log(span_type = "tool")]
async fn count_words(seed: usize) -> usize {
    // Gives way to the others, so that they truly interleave.
    tokio::task::yield_now().await;
    100 + seed
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    println!("{} words", book(2).await);
    Ok(())
}
