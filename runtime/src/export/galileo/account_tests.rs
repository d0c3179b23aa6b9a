use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use super::account::{Account, AccountError, Target};
use crate::config::{Settings, Source};
use crate::export::transport::Transport;

/// Answers one request a connection from a script and returns what was asked.
fn scripted(script: &'static [(&'static str, u16, &'static str)]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let server = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (expected, status, body) in script {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut line = String::new();
            reader.read_line(&mut line).expect("a request line");
            let request = line.trim_end_matches(" HTTP/1.1\r\n").to_owned();
            assert_eq!(request, *expected);
            let (mut length, mut auth) = (0, String::new());
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).expect("a header");
                let header = header.trim_end();
                if header.is_empty() {
                    break;
                }
                let (name, value) = header.split_once(": ").expect("a header with a value");
                match name {
                    "content-length" => length = value.parse().expect("a number"),
                    "authorization" => auth = format!(" [{value}]"),
                    _ => {}
                }
            }
            let mut sent = vec![0; length];
            reader.read_exact(&mut sent).expect("a body");
            asked.push(format!("{request}{auth} {}", String::from_utf8(sent).expect("text")).trim_end().to_owned());
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nretry-after: 7\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .expect("an answer");
        }
        asked
    });
    (url, server)
}

fn account(variables: &[(&str, &str)]) -> Account {
    let variables: HashMap<String, String> =
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let (set, file) = (HashMap::new(), HashMap::new());
    let environment = |name: &str| variables.get(name).cloned().map(Ok);
    let settings = Settings::resolve(&Source { set: &set, environment: &environment, file: &file }).expect("settings");
    let galileo = settings.galileo.expect("the Galileo exporter is the default");
    let transport = Transport::new(&galileo.api).expect("a client");
    Account::new(galileo, transport)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

#[test]
fn start_up_asks_in_the_order_of_the_contract_and_only_once() {
    let (url, server) = scripted(&[
        ("GET /healthcheck", 200, "{}"),
        ("POST /login/api_key", 200, r#"{"access_token":"t1","token_type":"bearer"}"#),
        ("GET /current_user", 200, "{}"),
        ("GET /projects?project_name=my%20project&type=gen_ai", 200, "[]"),
        ("POST /projects", 200, r#"{"id":"p1"}"#),
        (
            "GET /projects/p1/log_streams/paginated?include_counts=false&starting_token=0&limit=500",
            200,
            r#"{"log_streams":[{"id":"s0","name":"other"}],"paginated":true,"next_starting_token":500}"#,
        ),
        (
            "GET /projects/p1/log_streams/paginated?include_counts=false&starting_token=500&limit=500",
            200,
            r#"{"log_streams":[],"paginated":false,"next_starting_token":null}"#,
        ),
        ("POST /projects/p1/log_streams", 200, r#"{"id":"s1"}"#),
        ("GET /ingest/healthz", 404, "{}"),
    ]);
    let mut account = account(&[
        ("GALILEO_API_URL", &url),
        ("GALILEO_API_KEY", "k"),
        ("GALILEO_PROJECT", "my project"),
        ("GALILEO_LOG_STREAM", "dev"),
    ]);
    let target = run(async {
        let first = account.target().await.expect("a target");
        assert_eq!(account.target().await.expect("the same"), first);
        first
    });
    let stream = Some("s1".to_owned());
    assert_eq!(target, Target { project_id: "p1".into(), log_stream_id: stream, experiment_id: None, ingest: false });
    let asked = server.join().expect("the server");
    assert_eq!(asked[1], r#"POST /login/api_key {"api_key":"k"}"#);
    assert_eq!(asked[2], "GET /current_user [Bearer t1]");
    assert_eq!(asked[7], r#"POST /projects/p1/log_streams [Bearer t1] {"name":"dev"}"#);
}

#[test]
fn ids_save_the_look_ups_and_a_failure_is_taken_up_where_it_happened() {
    let (url, server) = scripted(&[
        ("GET /healthcheck", 503, "busy"),
        ("GET /healthcheck", 200, "{}"),
        ("POST /login", 200, r#"{"access_token":"t1"}"#),
        ("GET /current_user", 200, "{}"),
    ]);
    let mut account = account(&[
        ("GALILEO_API_URL", &url),
        ("GALILEO_USERNAME", "me@example.com"),
        ("GALILEO_PASSWORD", "p&w"),
        ("GALILEO_PROJECT_ID", "8e69c645-b678-45e1-9c61-dcbed822f9db"),
        ("GALILEO_LOG_STREAM_ID", "9e69c645-b678-45e1-9c61-dcbed822f9db"),
    ]);
    run(async {
        let error = account.target().await.expect_err("503");
        assert!(matches!(error, AccountError::Unavailable { retry_after: Some(after), .. } if after.as_secs() == 7));
        assert!(account.target().await.is_ok());
    });
    let asked = server.join().expect("the server");
    assert_eq!(asked[2], "POST /login username=me%40example.com&password=p%26w&auth_method=email");
}

#[test]
fn a_refused_key_says_so_without_showing_it() {
    let (url, server) = scripted(&[
        ("GET /healthcheck", 200, "{}"),
        ("POST /login/api_key", 401, r#"{"detail":"Invalid credentials"}"#),
    ]);
    let mut account = account(&[("GALILEO_API_URL", &url), ("GALILEO_API_KEY", "very-secret")]);
    let error = run(account.target()).expect_err("401");
    assert!(matches!(&error, AccountError::Refused { reason } if reason.contains("Invalid credentials")), "{error:?}");
    assert!(!format!("{error:?} {account:?}").contains("very-secret"));
    server.join().expect("the server");
}
