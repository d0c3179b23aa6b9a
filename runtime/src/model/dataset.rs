//! The dataset row that a trace answers, for evaluation runs.

use serde::Serialize;

/// The dataset row that a trace answers: its question, the answer that is expected, and facts about the row.
///
/// ```
/// use galileo::Dataset;
///
/// let row = Dataset::new().input("2 + 2?").output(&4).metadata("row", "17");
/// assert_eq!(row.input.as_deref(), Some("2 + 2?"));
/// assert_eq!(row.output.as_deref(), Some("4"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// The row's input: text as it is, anything else as JSON.
    pub input: Option<String>,
    /// The expected output: text as it is, anything else as JSON.
    pub output: Option<String>,
    /// Facts about the row.
    pub metadata: Vec<(String, String)>,
}

impl Dataset {
    /// A row without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same row with this input.
    #[must_use]
    pub fn input(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        self.input = as_text(value);
        self
    }

    /// The same row with this expected output.
    #[must_use]
    pub fn output(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        self.output = as_text(value);
        self
    }

    /// The same row with one more fact about it.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }
}

/// Text as it is, anything else as JSON; `None` for what cannot be written as JSON.
fn as_text(value: &(impl Serialize + ?Sized)) -> Option<String> {
    match serde_json::to_value(value).ok()? {
        serde_json::Value::String(text) => Some(text),
        value => Some(value.to_string()),
    }
}
