//! The `#[log]` attribute of `galileo-sdk`: parse, then plan, then expand.
