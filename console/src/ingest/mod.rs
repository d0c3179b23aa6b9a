//! From what senders write to parts of the store: one module for each protocol, none of which knows the others.

pub(crate) mod check;
pub(crate) mod galileo;
pub(crate) mod langsmith;
pub(crate) mod message;
pub(crate) mod otlp;
mod payload;
pub(crate) mod raw;

use crate::model::Id;

/// A place by the names that a sender gave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Names {
    pub(crate) project: String,
    pub(crate) run: RunName,
}

/// A log stream by name or an experiment by id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RunName {
    LogStream(String),
    Experiment(Id),
}

/// The session of any text: a UUID is itself, other text becomes the same UUID each time.
pub(crate) fn session_id(text: &str) -> Id {
    text.parse::<Id>().unwrap_or_else(|_| derived(text)).as_v4()
}

/// Two rounds of FNV-1a over the text: no secret hangs on it, it only has to be the same in every process.
fn derived(text: &str) -> Id {
    let hash =
        |seed: u64| text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let (high, low) = (hash(0xcbf2_9ce4_8422_2325), hash(0x6c62_272e_07bb_0142));
    Id((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}
