//! What the combiner knows of one thing that can have children on the wire: a trace, a span, or a parent in another process.

use std::time::Duration;

use crate::pipeline::store::Key;

/// The number of a node.
pub(crate) type NodeKey = u32;

/// No node.
pub(crate) const NONE: NodeKey = NodeKey::MAX;

/// Where a node is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing is to be sent yet.
    Quiet,
    /// It is in its parent's list and goes out as soon as that has been accepted.
    Wanted,
    /// It is in a request that creates it.
    Creating,
    /// Created while it was open.
    Open,
    /// Its end is in a request.
    Updating,
    /// On disk until the destination takes requests again.
    Spooled,
    /// Accepted as a whole, or not ours to send.
    Done,
}

/// One node. Children that want to be created form a list through `next_wanted`, so that waiting costs no memory of its own.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// What children name as their parent.
    pub(crate) id: [u8; 16],
    /// The trace's slot in the store.
    pub(crate) trace: Key,
    /// The span's slot in the store; meaningless for a trace, a parent elsewhere, and a span that is done.
    pub(crate) span: Key,
    pub(crate) state: State,
    /// The node under which this one is created.
    pub(crate) attach: NodeKey,
    pub(super) first_wanted: NodeKey,
    pub(super) last_wanted: NodeKey,
    pub(super) next_wanted: NodeKey,
    /// It stands in the queue of parents whose children can go.
    pub(super) listed: bool,
    /// Children attach to `attach` instead: a type that has none on the wire, or a span that was refused.
    pub(crate) transparent: bool,
    /// The parent on the wire is not the one that the program meant.
    pub(crate) moved: bool,
    /// It goes in a request of its own: its group was refused.
    pub(super) alone: bool,
    /// How many times its values were cut down because the backend found them too large.
    pub(crate) shrunk: u8,
    /// Attempts that failed because the backend did not know its parent (or the trace) yet.
    pub(super) unknown: u32,
    /// Not before this, after such an attempt.
    pub(super) not_before: Duration,
    /// The create carried the end.
    pub(super) sent_whole: bool,
}

impl Node {
    pub(super) fn new(id: [u8; 16], trace: Key, state: State) -> Self {
        Self {
            id,
            trace,
            span: Key::MAX,
            state,
            attach: NONE,
            first_wanted: NONE,
            last_wanted: NONE,
            next_wanted: NONE,
            listed: false,
            transparent: false,
            moved: false,
            alone: false,
            shrunk: 0,
            unknown: 0,
            not_before: Duration::ZERO,
            sent_whole: false,
        }
    }

    /// Whether the backend has accepted it, so that children may be sent.
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.state, State::Open | State::Updating | State::Done)
    }

    pub(super) fn has_wanted(&self) -> bool {
        self.first_wanted != NONE
    }
}

/// How far a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    Open,
    /// It is over, and says so once everything before has been accepted.
    Sending,
    Done,
}

/// What the combiner knows of one trace.
#[derive(Clone, Debug)]
pub(crate) struct TraceState {
    pub(crate) node: NodeKey,
    /// Another process creates and completes it.
    pub(crate) remote: bool,
    /// Spans that have not been accepted as a whole.
    pub(super) pending: u32,
    /// Requests under way.
    pub(super) requests: u32,
    pub(super) completion: Completion,
    /// It waits in the queue of traces to create.
    pub(super) queued: bool,
    /// It waits for its linger to pass.
    pub(super) lingering: bool,
    /// Its nodes, so that they can be freed with it.
    pub(super) nodes: Vec<NodeKey>,
    /// The span whose values stand for the trace; kept in the store until the trace is done.
    pub(crate) root: Option<Key>,
    /// That is not a span of the trace but the record of the trace itself.
    pub(crate) own_record: bool,
    /// The trace in which this process delivers what came too late (design decision D4).
    pub(crate) linked_to: Option<[u8; 16]>,
    /// A batch trace that memory does not allow to wait for its end.
    pub(super) incremental: bool,
    pub(super) active: bool,
}

impl TraceState {
    pub(super) fn vacant() -> Self {
        Self {
            node: NONE,
            remote: false,
            pending: 0,
            requests: 0,
            completion: Completion::Open,
            queued: false,
            lingering: false,
            nodes: Vec::new(),
            root: None,
            own_record: false,
            linked_to: None,
            incremental: false,
            active: false,
        }
    }
}
