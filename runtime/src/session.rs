//! The session of the traces that begin from here on.

use crate::context::active;
use crate::model::Session;

/// Puts the traces that begin from here on into a session, which is looked up by its external id, or created, when the first of them is
/// sent. Never waits: the look-up is the worker's.
///
/// Inside a span the session holds until the span ends; outside, on this thread, until it is replaced or [`clear_session`] is called.
/// Work that shares threads with other work, such as the requests of a server, takes
/// [`Context::with_session`](crate::Context::with_session) instead, which cannot leak. A trace that has begun stays where it is.
///
/// ```
/// use galileo::{Context, Session};
///
/// galileo::start_session(Session::external("chat-42").name("Support chat"));
/// let named = Context::current().rare().and_then(|r| r.session.as_ref()?.external_id.clone());
/// assert_eq!(named.as_deref(), Some("chat-42"));
/// galileo::clear_session();
/// assert!(Context::current().rare().is_none());
/// ```
pub fn start_session(session: impl Into<Session>) {
    let session = session.into();
    active::change_rare(|rare| rare.session = Some(session));
}

/// Puts the traces that begin from here on into the session with this id of the backend's. Nothing is looked up.
///
/// Holds as [`start_session`] says.
///
/// ```
/// use galileo::Context;
///
/// galileo::set_session("9b1a5c5e-4f0a-4c55-8d5e-0a4a8c1f7e21");
/// let id = Context::current().rare().and_then(|r| r.session.as_ref()?.id.clone());
/// assert_eq!(id.as_deref(), Some("9b1a5c5e-4f0a-4c55-8d5e-0a4a8c1f7e21"));
/// galileo::clear_session();
/// ```
pub fn set_session(session_id: impl Into<String>) {
    start_session(Session::with_id(session_id));
}

/// Ends what [`start_session`] or [`set_session`] began.
///
/// ```
/// galileo::set_session("9b1a5c5e-4f0a-4c55-8d5e-0a4a8c1f7e21");
/// galileo::clear_session();
/// assert!(galileo::Context::current().rare().is_none());
/// ```
pub fn clear_session() {
    active::change_rare(|rare| rare.session = None);
}
