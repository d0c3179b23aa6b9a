//! An implementation for `'static` only cannot be told from one for all lifetimes; `skip` or `capture_as` is the way out.
use galileo::log;
use serde::{Serialize, Serializer};

struct View<'a>(&'a str);

impl Serialize for View<'static> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

#[log]
fn show(view: View<'_>) -> usize {
    view.0.len()
}

#[log(skip(view))]
fn way_out(view: View<'_>) -> usize {
    view.0.len()
}

fn main() {}
