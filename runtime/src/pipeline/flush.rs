//! Waiting for delivery without blocking: for responses that may not end before their spans have arrived.

use super::worker::Worker;
use futures::channel::oneshot;
use std::future::Future;
use std::pin::Pin;
use std::sync::{PoisonError, RwLock, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

static FLUSHER: RwLock<Option<Flusher>> = RwLock::new(None);

struct Flusher {
    worker: Weak<Worker>,
    /// Every response waits, whatever its layer says.
    always: bool,
    timeout: Duration,
}

/// Makes `worker` the one that responses wait for, each at most `timeout`.
pub(crate) fn install(worker: Weak<Worker>, always: bool, timeout: Duration) {
    *FLUSHER.write().unwrap_or_else(PoisonError::into_inner) = Some(Flusher { worker, always, timeout });
}

/// The worker that runs, if one does.
#[cfg(feature = "testing")]
pub(crate) fn worker() -> Option<std::sync::Arc<Worker>> {
    FLUSHER.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.worker.upgrade()
}

/// Whether responses are to wait, when their layer does not ask for it.
pub(crate) fn is_wanted() -> bool {
    let flusher = FLUSHER.read().unwrap_or_else(PoisonError::into_inner);
    flusher.as_ref().is_some_and(|flusher| flusher.always && flusher.worker.strong_count() > 0)
}

/// Ready when everything recorded so far has been delivered, or when it has taken too long. At once where nothing runs.
pub(crate) fn delivered() -> Delivered {
    let (sender, receiver) = oneshot::channel();
    let flusher = FLUSHER.read().unwrap_or_else(PoisonError::into_inner);
    if let Some((worker, timeout)) = flusher.as_ref().and_then(|f| Some((f.worker.upgrade()?, f.timeout))) {
        // A thread, because the worker may be held up by somebody's exporter and the host's timers are not ours.
        let waiting = std::thread::Builder::new().name("galileo-flush".to_owned()).spawn(move || {
            worker.ask(timeout, false).wait(timeout);
            // The response may be gone.
            let _ = sender.send(());
        });
        drop(waiting);
    }
    Delivered(receiver)
}

/// The future of [`delivered`].
#[derive(Debug)]
pub(crate) struct Delivered(oneshot::Receiver<()>);

impl Future for Delivered {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The sender goes away where no thread could be had; then there is nothing to wait for.
        let _ = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(())
    }
}
