//! Two services before and after the SDK was added: `adopting axum_after 127.0.0.1:3000` runs one. `docs/adopting.md` explains the lines.

// These are programs for a terminal.
#![allow(clippy::print_stdout)]

mod actix_after;
mod actix_before;
mod axum_after;
mod axum_before;

use std::error::Error;

/// Where the service listens; port 0 takes a free one.
fn address() -> String {
    std::env::args().nth(2).unwrap_or_else(|| "127.0.0.1:3000".to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("axum_before") => axum_before::main(),
        Some("axum_after") => axum_after::main(),
        Some("actix_before") => actix_before::main(),
        Some("actix_after") => actix_after::main(),
        _ => Err("name one: axum_before, axum_after, actix_before, actix_after".into()),
    }
}
