//! Compiles `pass/*.rs` and runs them; compares what the compiler says of `fail/*.rs` with the `.stderr` beside each.
//!
//! `TRYBUILD=overwrite cargo test -p galileo-ui-tests` writes the `.stderr` files anew.

use std::process::Command;

/// The compiler's messages change between versions, so everybody uses the one that `rust-toolchain.toml` pins. Another one is a failure
/// here and not a reason to skip the cases in silence.
#[test]
fn the_pinned_compiler_is_in_use() {
    let pinned = include_str!("../../rust-toolchain.toml")
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .map(|version| version.trim_matches('"'))
        .expect("rust-toolchain.toml names a channel");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(version.starts_with(&format!("rustc {pinned} ")), "the pinned compiler is {pinned}, this is {version}");
}

#[test]
fn cases() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}

#[test]
fn every_shape_works_in_older_editions() {
    galileo_ui_edition_2018::run();
    galileo_ui_edition_2021::run();
}
