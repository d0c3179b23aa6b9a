//! A backend on loopback that takes OTLP and Galileo's protocol and counts spans by decoding what came. No more than a stopwatch needs:
//! HTTP/1.1 with a content length, any number of connections.
//!
//! `GET /books` answers `spans requests bytes last`: what was accepted so far, and when the last request with spans had been read whole,
//! by the clock that all processes share.

use crate::process;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

/// What was accepted.
#[derive(Default)]
struct Books {
    spans: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    last: AtomicU64,
}

static BOOKS: Books =
    Books { spans: AtomicU64::new(0), requests: AtomicU64::new(0), bytes: AtomicU64::new(0), last: AtomicU64::new(0) };

/// Prints the address and serves until the process is ended.
///
/// # Panics
///
/// When there is no port.
pub fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    for stream in listener.incoming().flatten() {
        // A connection that breaks concerns its other end only.
        std::thread::spawn(move || drop(converse(&stream)));
    }
}

fn converse(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let request = line.clone();
        let (mut length, mut json) = (0, false);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            match header.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                Some(("content-type", value)) => json = value.starts_with("application/json"),
                _ => {}
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let answer = answer(&request, &body, json);
        let kind = if json || length == 0 { "application/json" } else { "application/x-protobuf" };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", answer.len());
        let mut stream = stream;
        stream.write_all(format!("{head}{answer}").as_bytes())?;
    }
}

fn answer(request: &str, body: &[u8], json: bool) -> String {
    let read_at = process::monotonic();
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let text = match (method, path) {
        ("GET", "/books") => {
            let [spans, requests, bytes, last] =
                [&BOOKS.spans, &BOOKS.requests, &BOOKS.bytes, &BOOKS.last].map(|book| book.load(Ordering::SeqCst));
            return format!("{spans} {requests} {bytes} {last}");
        }
        (_, path) if path.starts_with("/login") => r#"{"access_token":"t","token_type":"bearer"}"#,
        ("GET", "/projects") => r#"[{"id":"11111111-1111-4111-8111-111111111111","type":"gen_ai"}]"#,
        ("GET", path) if path.ends_with("/log_streams/paginated") => r#"{"log_streams":[],"paginated":false}"#,
        ("POST", path) if path.ends_with("/log_streams") => r#"{"id":"22222222-2222-4222-8222-222222222222"}"#,
        ("POST", path) if path.ends_with("/v1/traces") => {
            take(otlp_spans(body), body.len(), read_at);
            ""
        }
        ("POST", path) if path.starts_with("/v2/projects/") && json => {
            // The trace itself is not a span; its spans stand below it.
            let spans = serde_json::from_slice::<Galileo>(body).map_or(0, |whole| {
                whole.spans.iter().map(Tree::count).sum::<u64>()
                    + whole.traces.iter().map(|trace| trace.count() - 1).sum::<u64>()
            });
            take(spans, body.len(), read_at);
            "{}"
        }
        _ => "{}",
    };
    text.to_owned()
}

fn take(spans: u64, bytes: usize, read_at: u64) {
    BOOKS.requests.fetch_add(1, Ordering::SeqCst);
    BOOKS.bytes.fetch_add(bytes as u64, Ordering::SeqCst);
    if spans > 0 {
        BOOKS.last.store(read_at, Ordering::SeqCst);
        BOOKS.spans.fetch_add(spans, Ordering::SeqCst);
    }
}

/// The bodies of `POST traces` and `POST spans`.
#[derive(Deserialize)]
struct Galileo {
    #[serde(default)]
    traces: Vec<Tree>,
    #[serde(default)]
    spans: Vec<Tree>,
}

#[derive(Deserialize)]
struct Tree {
    #[serde(default)]
    spans: Vec<Tree>,
}

impl Tree {
    fn count(&self) -> u64 {
        1 + self.spans.iter().map(Self::count).sum::<u64>()
    }
}

/// `ExportTraceServiceRequest.resource_spans.scope_spans.spans`, by their field numbers.
fn otlp_spans(body: &[u8]) -> u64 {
    let (mut count, mut scopes) = (0, Vec::new());
    fields(body, 1, &mut |resource_spans| fields(resource_spans, 2, &mut |scope_spans| scopes.push(scope_spans)));
    for scope in scopes {
        // Each span is looked into, as far as its trace id, which has to be there.
        fields(scope, 2, &mut |span| fields(span, 1, &mut |trace_id| count += u64::from(trace_id.len() == 16)));
    }
    count
}

/// Shows the length-delimited fields of this number; a message that is broken off ends there.
fn fields<'a>(message: &'a [u8], wanted: u64, show: &mut dyn FnMut(&'a [u8])) {
    let mut rest = message;
    while let Some(tag) = varint(&mut rest) {
        let length = match tag & 7 {
            0 => match varint(&mut rest) {
                Some(_) => 0,
                None => return,
            },
            1 => 8,
            5 => 4,
            2 => match varint(&mut rest) {
                Some(length) => length as usize,
                None => return,
            },
            _ => return,
        };
        let Some((field, after)) = rest.split_at_checked(length) else { return };
        if tag == wanted << 3 | 2 {
            show(field);
        }
        rest = after;
    }
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
