//! The propagators that a process uses, together.

use std::fmt;
use std::sync::Arc;

use super::{
    BaggagePropagator, Carrier, CarrierMut, GalileoPropagator, LangSmithPropagator, OutgoingContext, Propagator,
    RemoteContext, TraceContextPropagator,
};

/// What is read from requests and what is written into them.
///
/// The default reads all four kinds of headers and writes Galileo's, W3C trace context and W3C baggage. A list given in
/// `GALILEO_PROPAGATORS`, or else in `OTEL_PROPAGATORS`, names exactly what is read and written.
///
/// ```
/// use galileo::propagation::Propagators;
///
/// let propagators: Propagators = "tracecontext, langsmith".parse()?;
/// assert_eq!(propagators.fields(), ["traceparent", "tracestate", "langsmith-trace", "baggage"]);
/// assert!("b4".parse::<Propagators>().is_err());
/// # Ok::<(), galileo::propagation::UnknownPropagator>(())
/// ```
#[derive(Debug, Clone)]
pub struct Propagators {
    read: Vec<Arc<dyn Propagator>>,
    write: Vec<Arc<dyn Propagator>>,
}

impl Default for Propagators {
    fn default() -> Self {
        let galileo: Arc<dyn Propagator> = Arc::new(GalileoPropagator);
        let trace_context: Arc<dyn Propagator> = Arc::new(TraceContextPropagator);
        let baggage: Arc<dyn Propagator> = Arc::new(BaggagePropagator);
        Self {
            read: vec![
                Arc::clone(&galileo),
                Arc::clone(&trace_context),
                Arc::clone(&baggage),
                Arc::new(LangSmithPropagator),
            ],
            write: vec![galileo, trace_context, baggage],
        }
    }
}

impl Propagators {
    /// Reads nothing and writes nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { read: Vec::new(), write: Vec::new() }
    }

    /// Adds a propagator for reading and writing. Of two that share a header, the one that was added first writes first.
    #[must_use]
    pub fn with(self, propagator: impl Propagator + 'static) -> Self {
        self.with_shared(Arc::new(propagator))
    }

    /// The same propagators, and LangSmith's headers are written too.
    pub(crate) fn with_langsmith_headers(mut self) -> Self {
        self.write.push(Arc::new(LangSmithPropagator));
        self
    }

    fn with_shared(mut self, propagator: Arc<dyn Propagator>) -> Self {
        self.read.push(Arc::clone(&propagator));
        self.write.push(propagator);
        self
    }

    fn extend(&mut self, found: Option<Arc<dyn Propagator>>) {
        if let Some(propagator) = found {
            self.read.push(Arc::clone(&propagator));
            self.write.push(propagator);
        }
    }

    /// The names of all headers that are written.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        for field in self.write.iter().flat_map(|propagator| propagator.fields()) {
            if !fields.contains(field) {
                fields.push(*field);
            }
        }
        fields
    }

    /// Reads a carrier. Never fails: what cannot be read is absent, and counted.
    #[must_use]
    pub fn extract(&self, carrier: &dyn Carrier) -> RemoteContext {
        let mut remote = RemoteContext::default();
        for propagator in &self.read {
            propagator.extract(carrier, &mut remote);
        }
        remote
    }

    /// Writes into a carrier.
    pub fn inject(&self, outgoing: &OutgoingContext, carrier: &mut dyn CarrierMut) {
        for propagator in &self.write {
            propagator.inject(outgoing, carrier);
        }
    }
}

impl std::str::FromStr for Propagators {
    type Err = UnknownPropagator;

    /// A list as `GALILEO_PROPAGATORS` has it: `galileo`, `tracecontext`, `baggage`, `langsmith` or `none`, with commas.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let mut propagators = Self::none();
        for name in names(list) {
            propagators.extend(by_name(name).ok_or_else(|| UnknownPropagator { name: name.to_owned() })?);
        }
        Ok(propagators)
    }
}

/// A propagator's name that nothing answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPropagator {
    name: String,
}

impl fmt::Display for UnknownPropagator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown propagator `{}`\n  allowed: `galileo`, `tracecontext`, `baggage`, `langsmith`, `none`",
            self.name.escape_default()
        )
    }
}

impl std::error::Error for UnknownPropagator {}

/// The entries of a list, each once.
fn names(list: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The propagator of a name, `Some(None)` for the one that does nothing.
fn by_name(name: &str) -> Option<Option<Arc<dyn Propagator>>> {
    match name.to_ascii_lowercase().as_str() {
        "galileo" => Some(Some(Arc::new(GalileoPropagator))),
        "tracecontext" => Some(Some(Arc::new(TraceContextPropagator))),
        "baggage" => Some(Some(Arc::new(BaggagePropagator))),
        "langsmith" => Some(Some(Arc::new(LangSmithPropagator))),
        "none" => Some(None),
        _ => None,
    }
}
