//! What is measured.

/// One kind of span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// An empty function under a root.
    Empty,
    /// A trace of one span.
    Root,
    /// `f(q: &str, k: u32) -> String`, 200 B in, 500 B out, both captured as JSON.
    Json,
    /// An empty async function that yields once.
    EmptyAsync,
    /// The async form of `Json`.
    JsonAsync,
    /// A tree of 1 + 10 + 100 spans with values.
    Tree,
}

/// How many spans are made between two flushes: fewer than the 2,048 that OpenTelemetry's queue holds.
pub const BURST: usize = 1_900;
/// The spans of one tree.
pub const TREE: usize = 111;

impl Row {
    /// In the order of the table.
    pub const ALL: [Self; 6] = [Self::Empty, Self::Root, Self::Json, Self::EmptyAsync, Self::JsonAsync, Self::Tree];

    /// Its name in commands and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Root => "root",
            Self::Json => "json",
            Self::EmptyAsync => "empty_async",
            Self::JsonAsync => "json_async",
            Self::Tree => "tree",
        }
    }

    /// The row of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.name() == name)
    }
}
