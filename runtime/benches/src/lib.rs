//! What a span costs, side by side with other tracers: the same work under each of them.
//!
//! [`row`] says what is measured, [`contestant`] under whom, [`measure`] how; [`delivery`] sends spans to the [`sink`], a backend that
//! counts. The programs print figures for `cargo xtask bench`; `benches/spans.rs` gives the same work to criterion.

pub mod contestant;
pub mod count;
pub mod delivery;
pub mod fast;
pub mod measure;
pub mod nothing;
pub mod otel;
pub mod ours;
pub mod process;
pub mod row;
pub mod sink;
pub mod work;
