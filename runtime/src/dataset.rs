//! Traces that answer a row of a dataset.

use crate::context::Context;
use crate::model::Dataset;

/// The running context for traces that answer this row of a dataset: attach it, or give it to a future.
///
/// ```
/// use galileo::{Dataset, Span};
///
/// let row = Dataset::new().input("2 + 2?").output("4");
/// let scope = galileo::dataset_context(row).attach();
/// let answer = Span::workflow("answer").in_scope(|| 4);
/// drop(scope);
/// assert_eq!(answer, 4);
/// ```
pub fn dataset_context(row: Dataset) -> Context {
    Context::current().with_dataset(row)
}
