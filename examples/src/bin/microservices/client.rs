//! A user of the gateway.

use std::error::Error;

use galileo_console::model::{Id, TraceQuery, TraceView};
use galileo_examples::microservices::message::{Answer, Chat, Faults};

use crate::fleet::Fleet;

/// What came back from the gateway, and the trace that tells how.
pub(crate) struct Exchange {
    pub(crate) status: u16,
    /// The answer, when it is one.
    pub(crate) answer: Option<Answer>,
    pub(crate) trace: TraceView,
}

/// Asks as a user who pays and waits for the trace to be complete with spans of `services`.
pub(crate) async fn ask(fleet: &Fleet, question: &str, services: &[&str]) -> Result<Exchange, Box<dyn Error>> {
    let (status, body) = send(fleet, question).await?;
    let answer: Option<Answer> = (status == 200).then(|| serde_json::from_str(&body)).transpose()?;
    let id: Id = match answer.as_ref().and_then(|answer| answer.trace_id.as_deref()) {
        Some(id) => id.parse()?,
        // A failure does not name its trace; it is the newest.
        None => newest(fleet).await?,
    };
    Ok(Exchange { status, answer, trace: fleet.console.completed(id, services).await? })
}

/// Asks and returns status and body.
pub(crate) async fn send(fleet: &Fleet, question: &str) -> Result<(u16, String), Box<dyn Error>> {
    let client = galileo_examples::http_client()?;
    let chat = Chat { question: question.to_owned() };
    let request = client.post(format!("{}/chat", fleet.gateway_url())).bearer_auth("gold-token").json(&chat);
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

async fn newest(fleet: &Fleet) -> Result<Id, Box<dyn Error>> {
    let page = fleet.console.store.traces(TraceQuery { limit: 1, ..TraceQuery::default() }).await?;
    Ok(page.rows.first().ok_or("no trace has arrived")?.id)
}

/// Makes the LLM server's next requests go wrong.
pub(crate) async fn break_llm(fleet: &Fleet, faults: Faults) -> Result<(), Box<dyn Error>> {
    let client = galileo_examples::http_client()?;
    client.post(format!("{}/faults", fleet.llm_url())).json(&faults).send().await?.error_for_status()?;
    Ok(())
}
