//! A destination as the worker drives it: told what has changed, asked to go on, waited for.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::stats::Counters;
use super::store::{Changes, Store};

/// One place that spans go to, with an account of its own.
pub(crate) trait Destination: Send {
    fn counters(&self) -> &Arc<Counters>;

    /// Whether it follows traces to their completion, and so keeps them in the store.
    fn keeps_traces(&self) -> bool {
        false
    }

    /// Takes in what a look has changed.
    fn changed(&mut self, store: &mut Store, changes: &Changes, now: Duration);

    /// Starts whatever can be started now.
    fn pump(&mut self, store: &mut Store, now: Duration);

    /// Takes in answers; ready when something came of it, so that `pump` has a reason to be called.
    fn poll(&mut self, store: &mut Store, now: Duration, cx: &mut Context<'_>) -> Poll<()>;

    /// When `pump` should be called although nothing has happened.
    fn deadline(&self) -> Option<Duration>;

    /// Whether everything that could be sent has been: what is left is open, or on disk.
    fn is_idle(&self) -> bool;

    /// Somebody waits: do not sit out a back-off that only we chose.
    fn hurry(&mut self, _now: Duration) {}

    /// Traces stop waiting for other services, until `resume`.
    fn stop_lingering(&mut self, _store: &mut Store, _now: Duration) {}

    fn resume_lingering(&mut self) {}

    /// More than half of the memory is in use: write to disk what can go there, if that is at least `bytes` too much.
    fn spill(&mut self, _store: &mut Store, _bytes: usize) {}

    /// Memory is short: free at least `bytes` if there is any way to.
    fn relieve(&mut self, _store: &mut Store, _bytes: usize) {}

    /// No further call will come: whatever is left goes to disk or is counted.
    fn shut_down(&mut self, store: &mut Store);
}
