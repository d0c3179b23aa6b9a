//! The thread's spare buffer: captured values are written into it before they are handed over, so that nothing is allocated for a span.

use std::cell::Cell;

thread_local! {
    /// Taken out while it is written to, so that a `Serialize` which opens a span finds a buffer of its own.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What a thread's first values are given.
const FIRST: usize = 1024;
/// A buffer that grew past this for one large value goes back to the allocator.
const KEPT: usize = 256 * 1024;

/// An empty buffer with some room.
pub(crate) fn take() -> Vec<u8> {
    let mut spare = SPARE.try_with(Cell::take).unwrap_or_default();
    spare.clear();
    spare.reserve(FIRST);
    spare
}

/// Keeps a buffer for the next span.
pub(crate) fn keep(buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT {
        // A nested use may have left a buffer of its own; one of the two is enough.
        let _ = SPARE.try_with(|spare| spare.set(buffer));
    }
}
