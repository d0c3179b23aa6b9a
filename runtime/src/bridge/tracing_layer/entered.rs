//! Which `tracing` spans the thread is inside of, with the context that each one replaced.

use crate::context::{Context, active};
use std::cell::RefCell;
use tracing_core::span::Id;

thread_local! {
    static ENTERED: RefCell<Vec<(Id, active::Slot)>> = const { RefCell::new(Vec::new()) };
}

/// Makes `context` the thread's.
pub(super) fn enter(id: &Id, context: &Context) {
    let previous = active::swap(context.slot());
    let kept = ENTERED.try_with(|entered| entered.try_borrow_mut().map(|mut all| all.push((id.clone(), previous))));
    debug_assert!(matches!(kept, Ok(Ok(())) | Err(_)), "nothing runs while the list is borrowed");
}

/// Restores what was the thread's context before the span was entered; nothing when it had been left as it was.
///
/// Guards may be dropped in any order. Leaving a span in the middle changes what the one above it will restore, not what runs now.
pub(super) fn exit(id: &Id) {
    let restored = ENTERED.try_with(|entered| {
        let mut all = entered.try_borrow_mut().ok()?;
        let at = all.iter().rposition(|(entered, _)| entered == id)?;
        let (_, previous) = all.remove(at);
        match all.get_mut(at) {
            Some(above) => {
                above.1 = previous;
                None
            }
            None => Some(previous),
        }
    });
    if let Ok(Some(previous)) = restored {
        active::swap(previous);
    }
}
