//! What never leaves the process: secrets by their names, tokens by their looks, and what you name yourself.

use galileo::{Mode, init, log};
use serde::Serialize;

#[derive(Serialize)]
struct Login {
    user: &'static str,
    password: &'static str,
}

#[log(span_type = "tool", redact(email), skip(session))]
fn invite(session: &[u8], email: &str, login: &Login, note: &str) -> usize {
    session.len() + email.len() + login.password.len() + note.len()
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let login = Login { user: "ada", password: "correct horse" };
    println!(
        "{} {}",
        login.user,
        invite(b"9f2c", "ada@example.com", &login, "Authorization: Bearer abcdef0123456789abcdef")
    );
    Ok(())
}
