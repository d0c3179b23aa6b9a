//! Which headers are read and written, and for whom: `GALILEO_PROPAGATORS`, else OpenTelemetry's list.

use super::{Source, env, parse};
use crate::diag;
use crate::error::InitError;

/// A built-in header format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PropagatorKind {
    Galileo,
    TraceContext,
    Baggage,
    LangSmith,
}

/// The header formats and the hosts that get them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PropagationSettings {
    /// `None` when nobody chose: then what is read and what is written differ.
    pub(crate) formats: Option<Vec<PropagatorKind>>,
    /// `None` for all.
    pub(crate) hosts: Option<Vec<String>>,
}

impl PropagationSettings {
    pub(super) fn resolve(source: &Source<'_>) -> Result<Self, InitError> {
        let hosts = source.get(&env::PROPAGATION_HOSTS)?.map(|hosts| parse::words(&hosts));
        let formats = match source.get(&env::PROPAGATORS)? {
            Some(chosen) => Some(chosen),
            None => source.get(&env::OTEL_PROPAGATORS)?.map(|list| known(&list)),
        };
        Ok(Self { formats, hosts })
    }
}

/// The formats of a list that is shared with other SDKs. A name that only they know is no error.
fn known(list: &str) -> Vec<PropagatorKind> {
    let mut formats = Vec::new();
    for name in parse::words(list) {
        match parse::propagators(&name) {
            Ok(kinds) => formats.extend(kinds.into_iter().filter(|kind| !formats.contains(kind)).collect::<Vec<_>>()),
            Err(_) => {
                diag::warn("propagators", format_args!("OTEL_PROPAGATORS `{name}` is not known here and was left out"))
            }
        }
    }
    formats
}
