//! A conversation: three traces in one session, which the console shows as one thread of messages.

use galileo::{Context, InContext, Mode, Session, init, log};

#[log]
async fn reply(message: &str, turn: usize) -> String {
    format!("{turn}: you said {message}")
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    // By an id of your own. A server does this for each request; other conversations are not touched.
    let conversation = Context::current().with_session(Session::external("chat-42").name("Support chat"));
    for (turn, message) in ["hello", "it does not start", "now it does"].into_iter().enumerate() {
        println!("{}", reply(message, turn).in_context(conversation.clone()).await);
    }
    Ok(())
}
