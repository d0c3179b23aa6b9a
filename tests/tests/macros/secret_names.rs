//! The attribute decides about parameters, the SDK about fields; both by one list.

/// `galileo-sdk-macros` cannot use `galileo-sdk`, so the list stands in both.
#[test]
fn both_crates_redact_by_the_same_names() {
    let macros = include_str!("../../../macros/src/plan/secret.rs");
    let runtime = include_str!("../../../runtime/src/capture/secret.rs");
    assert!(macros == runtime, "macros/src/plan/secret.rs and runtime/src/capture/secret.rs differ");
}
