//! The console in the process of an example: an address, a database in memory, and a way to wait for a trace.

use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use galileo_console::model::{Depth, Id, TraceView};
use galileo_console::{AppState, Config, Store};
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;

/// A trace is complete soon after its last span; this is for a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running console.
pub struct Console {
    /// Where its pages are and where services report to.
    pub url: String,
    /// What it has stored.
    pub store: Store,
    /// The preferred address was taken, so it has a free port.
    pub moved: bool,
}

impl Console {
    /// Starts it at the preferred address, or at a free port when that is taken.
    ///
    /// # Errors
    ///
    /// When no address can be had.
    pub async fn start(preferred: &str) -> Result<Console, Box<dyn Error>> {
        let (listener, moved) = match TcpListener::bind(preferred).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                (TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?, true)
            }
            bound => (bound?, false),
        };
        let url = format!("http://{}", listener.local_addr()?);
        let state = AppState::open(Config::default())?;
        let store = state.store.clone();
        // Ends with the process: an open page would keep a polite shutdown waiting.
        tokio::spawn(async move { axum::serve(listener, galileo_console::app(state)).await });
        Ok(Console { url, store, moved })
    }

    /// The trace with inputs and outputs once it is complete: it has ended, nothing of it is open, and every one of `services` has sent spans.
    ///
    /// # Errors
    ///
    /// When that takes too long.
    pub async fn completed(&self, id: Id, services: &[&str]) -> Result<TraceView, Box<dyn Error>> {
        // Subscribed before the first look, so that no change falls between the two.
        let mut changes = self.store.changes();
        let wait = async {
            loop {
                if let Some(trace) = self.store.trace(id, Depth::Full).await?
                    && is_complete(&trace, services)
                {
                    return Ok::<_, Box<dyn Error>>(trace);
                }
                if let Err(RecvError::Closed) = changes.recv().await {
                    return Err("the console stopped".into());
                }
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(trace) => trace,
            Err(_) => Err(format!("trace {id} was not complete after {} s", PATIENCE.as_secs()).into()),
        }
    }

    /// The page of one trace.
    pub fn page(&self, id: Id) -> String {
        format!("{}/traces/{id}", self.url)
    }
}

fn is_complete(trace: &TraceView, services: &[&str]) -> bool {
    let summary = &trace.summary;
    let has = |name: &&str| summary.services.iter().any(|service| service == name);
    !summary.open && summary.open_count == 0 && services.iter().all(has)
}
