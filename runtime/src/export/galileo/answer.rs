//! What an answer of Galileo's means: the one place where statuses are told apart.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::Value;

use super::account::AccountError;
use super::client::SendError;
use crate::export::transport::{Answer, TransportError};
use crate::pipeline::combine::Refusal;

/// What to do after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    /// Something about these records.
    Refused(Refusal, String),
    /// The backend is not well; nothing is wrong with the records.
    Later {
        wish: Option<Duration>,
        reason: String,
    },
    /// Who we are is not accepted.
    Unauthorized(String),
    /// Only a person can change this; data is kept meanwhile.
    Stuck(String),
}

/// Judges the answer to a request that carries data.
pub(super) fn judge(result: &Result<Answer, SendError>, now: SystemTime) -> Verdict {
    let answer = match result {
        Ok(answer) => answer,
        Err(SendError::Account(error)) => return of_account(error),
        Err(SendError::Transport(TransportError::Unsendable(reason))) => {
            return Verdict::Refused(Refusal::Never, reason.clone());
        }
        Err(SendError::Transport(error)) => return Verdict::Later { wish: None, reason: error.to_string() },
    };
    let status = answer.status;
    let said = || format!("{}: {}", status.as_u16(), answer.excerpt());
    match status.as_u16() {
        200..=299 => Verdict::Accepted,
        300..=399 => Verdict::Stuck(format!("it redirects to another address ({})", status.as_u16())),
        401 => Verdict::Unauthorized(said()),
        403 => Verdict::Stuck(format!("access was refused ({})", said())),
        407 => Verdict::Stuck(format!("the proxy wants a login ({})", said())),
        404 => Verdict::Refused(Refusal::Unknown, said()),
        409 => Verdict::Refused(Refusal::Exists, said()),
        413 => Verdict::Refused(Refusal::TooLarge, said()),
        400 | 422 => judge_refusal(answer, said()),
        408 | 425 | 429 | 500..=599 => Verdict::Later { wish: answer.retry_after(now), reason: said() },
        _ => Verdict::Refused(Refusal::Never, said()),
    }
}

/// 422 has three meanings: the record is malformed (a list of what is wrong with it), its parent or trace is not known yet, or its trace
/// takes no more.
fn judge_refusal(answer: &Answer, said: String) -> Verdict {
    let detail = serde_json::from_slice::<Value>(&answer.body).ok().map(|body| body["detail"].clone());
    let text = match &detail {
        Some(Value::String(text)) => text.to_ascii_lowercase(),
        _ => String::new(),
    };
    if text.contains("already exists") {
        Verdict::Refused(Refusal::Exists, said)
    } else if text.contains("complete") {
        Verdict::Refused(Refusal::Complete, said)
    } else if answer.status == StatusCode::BAD_REQUEST || matches!(detail, Some(Value::Array(_))) {
        Verdict::Refused(Refusal::Never, said)
    } else {
        Verdict::Refused(Refusal::Unknown, said)
    }
}

/// Judges a failure to log in or to find the project.
pub(super) fn of_account(error: &AccountError) -> Verdict {
    match error {
        AccountError::Unavailable { reason, retry_after } => {
            Verdict::Later { wish: *retry_after, reason: reason.clone() }
        }
        AccountError::Refused { reason } | AccountError::Unusable { reason } => Verdict::Stuck(reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    fn answer(status: u16, body: &str) -> Result<Answer, SendError> {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("3"));
        Ok(Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn each_answer_has_one_meaning() {
        let rows = [
            (200, "{}", "accepted", "done"),
            (204, "", "accepted", "done without a body"),
            (200, "<html>", "accepted", "done, whatever the body says"),
            (409, "{\"detail\":\"exists\"}", "Exists", "it was there already"),
            (422, "{\"detail\":\"trace x already exists\"}", "Exists", "the same in other words"),
            (422, "{\"detail\":\"trace x not found\"}", "Unknown", "another process may still send it"),
            (422, "{\"detail\":\"Trace is marked as complete\"}", "Complete", "too late"),
            (422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"m\",\"type\":\"t\"}]}", "Never", "malformed"),
            (422, "not json", "Unknown", "keep it rather than lose it"),
            (404, "{\"detail\":\"span not found\"}", "Unknown", "an update before its create, as the backend sees it"),
            (400, "{}", "Never", "malformed"),
            (405, "", "Never", "another client error"),
            (413, "", "TooLarge", "split"),
            (401, "", "unauthorized", "log in again"),
            (403, "", "stuck", "the key has no right to the project"),
            (407, "", "stuck", "the proxy, not the backend"),
            (301, "", "stuck", "not followed"),
            (408, "", "later", "timeout on its side"),
            (425, "", "later", "too early"),
            (429, "", "later", "slow down"),
            (500, "", "later", "failed"),
            (501, "", "later", "failed"),
            (503, "", "later", "down"),
        ];
        for (status, body, meaning, reason) in rows {
            let verdict = judge(&answer(status, body), SystemTime::UNIX_EPOCH);
            let found = match &verdict {
                Verdict::Accepted => "accepted".to_owned(),
                Verdict::Refused(refusal, _) => format!("{refusal:?}"),
                Verdict::Later { wish, .. } => {
                    assert_eq!(*wish, Some(Duration::from_secs(3)));
                    "later".to_owned()
                }
                Verdict::Unauthorized(_) => "unauthorized".to_owned(),
                Verdict::Stuck(_) => "stuck".to_owned(),
            };
            assert_eq!(found, meaning, "{status} {body}: {reason}");
        }
        let broken = Err(SendError::Transport(TransportError::Network("reset".into())));
        assert!(matches!(judge(&broken, SystemTime::UNIX_EPOCH), Verdict::Later { wish: None, .. }));
    }
}
