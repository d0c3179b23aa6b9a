//! A function that returns a stream: its span ends with the last item, and the items become its output.

use futures::{Stream, StreamExt, stream};
use galileo::{Mode, init, log};

#[log(span_type = "tool")]
fn words(text: &str) -> impl Stream<Item = String> + use<> {
    stream::iter(text.split(' ').map(str::to_owned).collect::<Vec<_>>())
}

#[log]
async fn read_aloud(text: &str) -> usize {
    let mut said = 0;
    let mut words = std::pin::pin!(words(text));
    while let Some(word) = words.next().await {
        println!("{word}");
        said += 1;
    }
    said
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    assert_eq!(read_aloud("and yet it moves").await, 4);
    Ok(())
}
