//! What generated code records. The shapes that need other crates are tested in `tests/tests/macro_*.rs`.

mod smoke;
