//! Every shape of annotated function in edition 2018.
#![deny(warnings, rust_2018_idioms, rust_2021_compatibility, rust_2024_compatibility)]

#[path = "../../shapes.rs"]
mod shapes;
pub use shapes::run;
