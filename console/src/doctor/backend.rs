//! The backend that the environment names: does it answer, does it let us in, is the project there, and is its clock ours?

use std::time::{Duration, Instant};

use reqwest::header::DATE;
use reqwest::{Client, StatusCode, Url};
use serde_json::{Value, json};

use super::Check;
use super::environment::{Environment, is_loopback};
use crate::time::now_ns;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Clocks that differ by less than this do no harm; a `Date` header has whole seconds.
const SKEW_NS: i64 = 2_000_000_000;

/// Checks reachability, login, project and clock, in this order; what depends on a check that failed is skipped.
pub(crate) async fn check(url: &str, environment: &Environment, token: Option<&str>) -> Vec<Check> {
    let Ok(base) = url.parse::<Url>() else {
        return vec![Check::failed(
            "reachability",
            "the address of the backend cannot be read",
            "an address such as http://127.0.0.1:8088",
        )];
    };
    let shown = base.origin().ascii_serialization();
    let mut builder = Client::builder().timeout(TIMEOUT);
    if is_loopback(&base) {
        builder = builder.no_proxy();
    }
    let Ok(client) = builder.build() else {
        return vec![Check::failed(
            "reachability",
            "no client for HTTP can be made",
            "look at the certificates of this machine",
        )];
    };
    let mut checks = Vec::new();
    let started = Instant::now();
    let sent_ns = now_ns();
    let answer = client.get(path(&base, "healthcheck")).send().await;
    let took = started.elapsed();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            checks.push(unreachable(&shown, &error));
            checks
                .extend(["login", "project", "clock"].map(|name| Check::skipped(name, "the backend does not answer")));
            return checks;
        }
    };
    if !answer.status().is_success() {
        let fix = "is this the API's address? The page in the browser has another one on hosted installations: set GALILEO_API_URL";
        checks.push(Check::failed(
            "reachability",
            format!("`{shown}` answers {} to a health check", answer.status()),
            fix,
        ));
    } else {
        checks.push(Check::ok("reachability", format!("`{shown}` answers in {} ms", took.as_millis())));
    }
    let date = answer.headers().get(DATE).and_then(|value| value.to_str().ok()).and_then(http_date);
    let key = environment.get("GALILEO_API_KEY").or(token).unwrap_or("doctor");
    let bearer = login(&client, &base, key, &mut checks).await;
    match bearer {
        Some(bearer) => project(&client, &base, &bearer, key, environment, &mut checks).await,
        None => checks.push(Check::skipped("project", "there is no login")),
    }
    checks.push(match date {
        None => Check::skipped("clock", "the backend does not tell its time"),
        Some(seconds) => clock(seconds, sent_ns, took),
    });
    checks
}

fn path(base: &Url, path: &str) -> String {
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}

fn unreachable(shown: &str, error: &reqwest::Error) -> Check {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string().to_ascii_lowercase();
    let (what, fix) = if error.is_timeout() {
        (
            "does not answer in time",
            "a firewall or proxy swallows the request: try from the machine that the service runs on",
        )
    } else if text.contains("refused") {
        (
            "refuses connections: nothing listens there",
            "start it (`galileo-console serve`), or correct the port in GALILEO_API_URL",
        )
    } else if text.contains("dns") || text.contains("lookup") || text.contains("name or service") {
        (
            "has a name that leads nowhere",
            "correct the host in GALILEO_API_URL; in containers, localhost is the container itself",
        )
    } else if text.contains("certificate") || text.contains("tls") || text.contains("invalid peer") {
        ("shows a certificate that is not trusted", "install the certificate authority of your network on this machine")
    } else {
        ("cannot be reached", "check the address in GALILEO_API_URL and the network between")
    };
    Check::failed("reachability", format!("`{shown}` {what}"), fix)
}

/// The token of a login; `None` when there is none.
async fn login(client: &Client, base: &Url, key: &str, checks: &mut Vec<Check>) -> Option<String> {
    const NAME: &str = "login";
    let sent = client.post(path(base, "login/api_key")).json(&json!({"api_key": key})).send().await;
    let Ok(answer) = sent else {
        checks.push(Check::failed(NAME, "the connection broke", "try again"));
        return None;
    };
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    match (status, body["access_token"].as_str()) {
        (status, Some(token)) if status.is_success() => {
            checks.push(Check::ok(NAME, "the key is accepted"));
            Some(token.to_owned())
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST, _) => {
            checks.push(Check::failed(
                NAME,
                "the key is refused",
                "make a new key and set GALILEO_API_KEY; for a console with a token, that token is the key",
            ));
            None
        }
        (StatusCode::NOT_FOUND, _) => {
            checks.push(Check::failed(
                NAME,
                "there is no login at this address",
                "set GALILEO_API_URL to the API, not to the page in the browser",
            ));
            None
        }
        (status, _) => {
            checks.push(Check::failed(
                NAME,
                format!("the login answers {status}"),
                "try again; if it stays so, ask whoever runs the backend",
            ));
            None
        }
    }
}

async fn project(
    client: &Client,
    base: &Url,
    bearer: &str,
    key: &str,
    environment: &Environment,
    checks: &mut Vec<Check>,
) {
    const NAME: &str = "project";
    let authorized = |request: reqwest::RequestBuilder| request.bearer_auth(bearer).header("Galileo-API-Key", key);
    let Some(name) = environment.get("GALILEO_PROJECT") else {
        checks.push(Check::skipped(NAME, "GALILEO_PROJECT is not set"));
        return;
    };
    let Ok(url) = Url::parse_with_params(&path(base, "v2/projects"), [("project_name", name)]) else { return };
    let sent = authorized(client.get(url)).send().await;
    let found: Value = match sent {
        Ok(answer) if answer.status().is_success() => answer.json().await.unwrap_or_default(),
        Ok(answer) => {
            checks.push(Check::failed(
                NAME,
                format!("projects cannot be listed: {}", answer.status()),
                "the key may lack the right to it",
            ));
            return;
        }
        Err(_) => {
            checks.push(Check::failed(NAME, "the connection broke", "try again"));
            return;
        }
    };
    let list = found.as_array().or_else(|| found["projects"].as_array()).cloned().unwrap_or_default();
    checks.push(match list.iter().any(|project| project["name"] == name) {
        true => Check::ok(NAME, format!("the project `{name}` is there")),
        false => Check::warning(
            NAME,
            format!("there is no project `{name}` yet"),
            "the first span makes it; if you expected it to be there, compare the spelling",
        ),
    });
}

fn clock(server_seconds: i64, sent_ns: i64, took: Duration) -> Check {
    // The server wrote its whole second some time between sending and receiving.
    let middle = sent_ns + i64::try_from(took.as_nanos() / 2).unwrap_or(0);
    let ahead = middle - (server_seconds * 1_000_000_000 + 500_000_000);
    let slack = SKEW_NS + i64::try_from(took.as_nanos() / 2).unwrap_or(0);
    if ahead.abs() <= slack {
        return Check::ok("clock", "this machine's clock and the backend's agree");
    }
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    Check::warning(
        "clock",
        format!("this machine's clock is {} {way} the backend's", crate::term::duration_text(ahead.abs())),
        "let a time service set it (chrony, systemd-timesyncd): spans of services with different clocks do not line up",
    )
}

/// The Unix time of `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    crate::time::parse_iso(&format!("{year}-{month:02}-{day:0>2}T{clock}Z")).map(|ns| ns / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_clock_that_is_off_is_measured() {
        let date = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date, 784_111_777);
        let at = |offset: i64| clock(date, (date + offset) * 1_000_000_000, Duration::from_millis(20));
        assert_eq!(at(0).verdict, Verdict::Ok);
        assert_eq!(at(2).verdict, Verdict::Ok, "whole seconds are rough");
        assert!(at(3600).found.contains("ahead") && at(-60).found.contains("behind"));
    }
}
