//! What generated code records. Shapes that need other crates are compiled in `ui-tests`.

mod complaints;
mod futures;
mod items;
mod outcomes;
mod transparent;
mod values;
