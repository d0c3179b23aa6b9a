//! Server-sent events: which traces changed. The page then fetches what it shows; no content travels here.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Query;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::Ui;
use crate::model::{Change, Id};

/// What to hear about.
#[derive(Debug, Deserialize)]
pub(crate) struct Topic {
    /// Only this trace.
    trace: Option<String>,
}

/// Under load many commits become one event; a page cannot draw more often anyway.
const GATHER: Duration = Duration::from_millis(40);
const MOST_IDS: usize = 100;

/// `GET /events`: `{"traces": [..]}` for each burst of changes, `{"resync": true}` when some were missed.
pub(crate) async fn events(ui: Ui, Query(topic): Query<Topic>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let only = topic.trace.and_then(|id| id.parse::<Id>().ok()).map(Id::as_v4);
    let changes = ui.store.changes();
    let stream = stream::unfold((changes, only), |(mut changes, only)| async move {
        let text = next(&mut changes, only).await?;
        Some((Ok(Event::default().data(text)), (changes, only)))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

/// Waits for a change of interest, gathers what follows at once. `None` when the console stops.
async fn next(changes: &mut Receiver<Change>, only: Option<Id>) -> Option<String> {
    const RESYNC: &str = r#"{"resync":true}"#;
    let of_interest = |change: &Change| only.is_none_or(|id| id == change.trace_id);
    let first = loop {
        match changes.recv().await {
            Ok(change) if of_interest(&change) => break change,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Some(RESYNC.to_owned()),
            Err(RecvError::Closed) => return None,
        }
    };
    tokio::time::sleep(GATHER).await;
    let mut traces = HashSet::from([first.trace_id]);
    loop {
        match changes.try_recv() {
            Ok(change) if of_interest(&change) => drop(traces.insert(change.trace_id)),
            Ok(_) => {}
            Err(TryRecvError::Lagged(_)) => return Some(RESYNC.to_owned()),
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
        if traces.len() > MOST_IDS {
            return Some(RESYNC.to_owned());
        }
    }
    let ids: Vec<String> = traces.iter().map(Id::to_string).collect();
    Some(serde_json::json!({ "traces": ids }).to_string())
}
