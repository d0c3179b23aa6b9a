//! A Galileo backend for tests: strict about order, with books of its own, and a script of faults. Speaks HTTP, or HTTPS by [`Door`].

use crate::tls::Door;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What goes wrong with one request that carries data.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status, body and further header lines instead of doing anything.
    Answer(u16, &'static str, &'static str),
    /// The connection is closed before anything of the request was read but its headers.
    ResetBefore,
    /// The connection is closed after so many bytes of the body.
    ResetIn(usize),
    /// Everything is stored and then the connection is closed without an answer.
    LoseAnswer,
    /// Everything is stored and half of the answer is sent.
    CutAnswer,
    /// Nothing happens for this long, then all goes well.
    Delay(Duration),
    /// Everything is stored; the answer's body has no end.
    Endless,
    /// One byte of the answer after another, with this in between.
    Drip(Duration),
    /// All goes well, by HTTP 1.0 and with the connection closed.
    Old,
    /// All goes well; the answer comes in chunks, with shouting and repeated headers, after a 103.
    Odd,
    /// All goes well, and then the connection is closed without a word.
    CloseAfter,
}

/// The books.
#[derive(Debug, Default)]
pub struct Books {
    /// Traces, and whether they are complete.
    pub traces: HashMap<String, bool>,
    /// Spans by id.
    pub spans: HashMap<String, Span>,
    /// What a strict backend refused, in words.
    pub refused: Vec<String>,
    /// Every request: when, what, and the status of its answer (0 for none).
    pub requests: Vec<(Instant, String, u16)>,
    /// Traces that were completed more than once.
    pub completed_again: u32,
    /// Values of the headers that say who sends.
    pub keys: Vec<String>,
}

/// One span in the books.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// The trace.
    pub trace: String,
    /// The parent; the trace's id at the top.
    pub parent: String,
    /// Its end has arrived.
    pub ended: bool,
    /// How often it was created.
    pub times: u32,
    /// As it was sent.
    pub body: Value,
}

#[derive(Default)]
struct State {
    books: Books,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    login_faults: VecDeque<u16>,
    max_body: Option<usize>,
    refuse_groups: bool,
    /// Spans of these names are malformed for it.
    poison: Option<&'static str>,
    /// How connections begin.
    door: Option<Door>,
    /// Connections that were made.
    connections: u64,
    /// Bodies are not kept, for tests that run for long.
    forgets: bool,
    /// Spans of each trace that have not ended.
    open: HashMap<String, usize>,
}

/// A running backend; it ends when this is dropped.
pub struct Backend {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl Backend {
    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}")))
    }

    /// Starts one on a listener.
    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let (theirs, stopped) = (state.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (state, stopped) = (theirs.clone(), stopped.clone());
                std::thread::spawn(move || {
                    let door = {
                        let mut state = lock(&state);
                        state.connections += 1;
                        state.door.clone()
                    };
                    // A connection that breaks is what some of the tests are about.
                    let _ = match door {
                        None => serve(stream, &state, &stopped),
                        Some(door) => door.open(stream).and_then(|stream| serve(stream, &state, &stopped)),
                    };
                });
            }
        });
        Self { address, state, stop }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port on this machine.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next data requests go wrong like this, one after another.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) -> &Self {
        self.state().faults.extend(faults);
        self
    }

    /// Every data request goes wrong like this, until told otherwise.
    pub fn always(&self, fault: Option<Fault>) -> &Self {
        self.state().always = fault;
        self
    }

    /// The next logins are answered with these statuses.
    pub fn login_faults(&self, statuses: impl IntoIterator<Item = u16>) -> &Self {
        self.state().login_faults.extend(statuses);
        self
    }

    /// Larger bodies are answered with 413.
    pub fn max_body(&self, bytes: usize) -> &Self {
        self.state().max_body = Some(bytes);
        self
    }

    /// More than one span or trace in a request, or nesting, is malformed.
    pub fn refuse_groups(&self) -> &Self {
        self.state().refuse_groups = true;
        self
    }

    /// Spans of this name are malformed.
    pub fn poison(&self, name: &'static str) -> &Self {
        self.state().poison = Some(name);
        self
    }

    /// Connections begin like this from now on; without a door they speak plain HTTP.
    pub fn door(&self, door: Option<Door>) -> &Self {
        self.state().door = door;
        self
    }

    /// From now on the books say which spans there are and not what is in them.
    pub fn forget_bodies(&self) -> &Self {
        self.state().forgets = true;
        self
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.state().connections
    }

    /// Puts a trace with a span into the books, as another service would.
    pub fn know(&self, trace: &str, span: &str) {
        let mut state = self.state();
        state.books.traces.insert(trace.to_owned(), false);
        let known = Span { trace: trace.to_owned(), parent: trace.to_owned(), ..Span::default() };
        state.books.spans.insert(span.to_owned(), known);
    }

    /// Looks into the books.
    pub fn books<R>(&self, look: impl FnOnce(&Books) -> R) -> R {
        look(&self.state().books)
    }

    /// The requests that carried data: path and status.
    pub fn data_requests(&self) -> Vec<(Instant, String, u16)> {
        let is_data = |what: &str| what.contains("/v2/projects/") && !what.contains("/sessions");
        self.books(|books| books.requests.iter().filter(|(_, what, _)| is_data(what)).cloned().collect())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, so that its port is free at once.
        let _ = TcpStream::connect(self.address);
    }
}

struct Request {
    what: String,
    body: Value,
}

/// A connection, encrypted or not.
pub(crate) trait Wire: Read + Write {
    /// The socket below it.
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

fn serve<W: Wire>(stream: W, state: &Mutex<State>, stop: &AtomicBool) -> std::io::Result<()> {
    stream.socket().set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.socket().set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || stop.load(Ordering::SeqCst) {
            return Ok(());
        }
        let what = without_host(line.trim_end().trim_end_matches(" HTTP/1.1"));
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let header = header.trim_end();
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(": ").unwrap_or((header, ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap_or(0),
                "authorization" | "galileo-api-key" => lock(state).books.keys.push(value.to_owned()),
                _ => {}
            }
        }
        let data = what.contains("/v2/projects/") && !what.contains("/sessions");
        let fault = data.then(|| {
            let mut state = lock(state);
            state.faults.pop_front().or_else(|| state.always.clone())
        });
        let fault = fault.flatten();
        let partly = match fault {
            Some(Fault::ResetBefore) => Some(0),
            Some(Fault::ResetIn(bytes)) => Some(bytes.min(length)),
            _ => None,
        };
        if let Some(bytes) = partly {
            let mut part = vec![0; bytes];
            reader.read_exact(&mut part)?;
            note(state, &what, 0);
            return reader.get_ref().socket().shutdown(std::net::Shutdown::Both);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let too_large = lock(state).max_body.is_some_and(|most| data && length > most);
        let request = Request { what, body: serde_json::from_slice(&body).unwrap_or(Value::Null) };
        let (status, answer) = match &fault {
            Some(Fault::Answer(status, text, lines)) => {
                note(state, &request.what, *status);
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{lines}\r\n", text.len());
                reader.get_mut().write_all(format!("{head}{text}").as_bytes())?;
                continue;
            }
            Some(Fault::Delay(time)) => {
                std::thread::sleep(*time);
                handle(&mut lock(state), &request)
            }
            _ if too_large => (413, json!({"detail": "too large"})),
            _ => handle(&mut lock(state), &request),
        };
        note(state, &request.what, status);
        if !reply(reader.get_mut(), fault, status, &answer.to_string())? {
            return reader.get_ref().socket().shutdown(std::net::Shutdown::Both);
        }
        reader.get_mut().flush()?;
    }
}

/// Answers; `false` when the connection is to be closed.
fn reply(writer: &mut impl Write, fault: Option<Fault>, status: u16, text: &str) -> std::io::Result<bool> {
    let whole = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    match fault {
        Some(Fault::LoseAnswer) => return Ok(false),
        Some(Fault::CutAnswer) => {
            writer.write_all(&whole.as_bytes()[..20])?;
            return Ok(false);
        }
        Some(Fault::Endless) => {
            writer.write_all(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
            for _ in 0..10_000 {
                // The other side has read enough at some point.
                if writer.write_all(chunk.as_bytes()).is_err() {
                    return Ok(false);
                }
            }
            return Ok(false);
        }
        Some(Fault::Drip(pause)) => {
            for byte in whole.as_bytes() {
                writer.write_all(&[*byte])?;
                std::thread::sleep(pause);
            }
        }
        Some(Fault::Old) => {
            writer.write_all(format!("HTTP/1.0 {status} X\r\n\r\n{text}").as_bytes())?;
            return Ok(false);
        }
        Some(Fault::Odd) => {
            let (head, tail) = text.split_at(text.len() / 2);
            writer.write_all(
                format!(
                    "HTTP/1.1 103 Early Hints\r\nLINK: x\r\n\r\nHTTP/1.1 {status} X\r\nX-TWICE: 1\r\nX-TWICE: 2\r\nTRANSFER-ENCODING: chunked\r\n\r\n{:x}\r\n{head}\r\n{:X};ext=1\r\n{tail}\r\n0\r\n\r\n",
                    head.len(),
                    tail.len()
                )
                .as_bytes(),
            )?;
        }
        Some(Fault::CloseAfter) => {
            writer.write_all(whole.as_bytes())?;
            return Ok(false);
        }
        _ => writer.write_all(whole.as_bytes())?,
    }
    Ok(true)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A proxy is asked for whole addresses.
fn without_host(what: &str) -> String {
    match what.split_once(" http://") {
        Some((method, rest)) => format!("{method} /{}", rest.split_once('/').map_or("", |(_, path)| path)),
        None => what.to_owned(),
    }
}

fn note(state: &Mutex<State>, what: &str, status: u16) {
    lock(state).books.requests.push((Instant::now(), what.to_owned(), status));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn handle(state: &mut State, request: &Request) -> (u16, Value) {
    let (method, path) = request.what.split_once(' ').unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let refused = |state: &mut State, status: u16, detail: Value| {
        state.books.refused.push(format!("{} {status} {detail}", request.what));
        (status, json!({ "detail": detail }))
    };
    if path.starts_with("/login") {
        return match state.login_faults.pop_front() {
            Some(status) => (status, json!({"detail": "no"})),
            None => (200, json!({"access_token": "t", "token_type": "bearer"})),
        };
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["healthcheck" | "current_user"]) => (200, json!({})),
        ("GET", ["projects"]) => (200, json!([{"id": "11111111-1111-4111-8111-111111111111", "type": "gen_ai"}])),
        ("GET", ["projects", _, "log_streams", "paginated"]) => (200, json!({"log_streams": [], "paginated": false})),
        ("POST", ["projects", _, "log_streams"]) => (200, json!({"id": "22222222-2222-4222-8222-222222222222"})),
        ("POST", ["v2", "projects", _, kind @ ("traces" | "spans")]) => {
            if let Some(detail) = malformed(state, request, kind) {
                return refused(state, 422, detail);
            }
            if *kind == "traces" {
                return create_traces(state, &request.body);
            }
            let (trace, parent) = (text(&request.body["trace_id"]), text(&request.body["parent_id"]));
            match state.books.traces.get(&trace) {
                None => refused(state, 422, json!(format!("trace {trace} not found"))),
                Some(true) => refused(state, 422, json!("Trace is marked as complete")),
                Some(false) if parent != trace && !state.books.spans.contains_key(&parent) => {
                    refused(state, 422, json!(format!("parent {parent} not found")))
                }
                Some(false) => {
                    add(state, &request.body["spans"], &trace, &parent);
                    (200, json!({}))
                }
            }
        }
        ("PATCH", ["v2", "projects", _, "traces", id]) => match state.books.traces.get_mut(*id) {
            None => refused(state, 404, json!("trace not found")),
            Some(complete) => {
                if request.body["is_complete"] == true {
                    if std::mem::replace(complete, true) {
                        state.books.completed_again += 1;
                    }
                    let open = state.open.get(*id).copied().unwrap_or_default();
                    if open > 0 {
                        state.books.refused.push(format!("completed with {open} open spans"));
                    }
                }
                (200, json!({}))
            }
        },
        ("PATCH", ["v2", "projects", _, "spans", id]) => match state.books.spans.get_mut(*id) {
            None => refused(state, 404, json!("span not found")),
            Some(span) => {
                if !std::mem::replace(&mut span.ended, true)
                    && let Some(open) = state.open.get_mut(&span.trace)
                {
                    *open = open.saturating_sub(1);
                }
                (200, json!({}))
            }
        },
        _ => (404, json!({"detail": "Not Found"})),
    }
}

/// What the schema of this backend has against a body.
fn malformed(state: &State, request: &Request, kind: &str) -> Option<Value> {
    let all = request.body[kind].as_array().map(Vec::as_slice).unwrap_or_default();
    let wrong = |text: &str| Some(json!([{"loc": ["body"], "msg": text, "type": "value_error"}]));
    if all.is_empty() {
        return wrong("empty");
    }
    if state.refuse_groups
        && (all.len() > 1 || all.iter().any(|one| one["spans"].as_array().is_some_and(|s| !s.is_empty())))
    {
        return wrong("groups");
    }
    fn named(all: &[Value], name: &str) -> bool {
        all.iter().any(|one| one["name"] == name || one["spans"].as_array().is_some_and(|inner| named(inner, name)))
    }
    // The trace of a poisoned root bears its name and is well formed itself.
    let spans: Vec<Value> = match kind {
        "traces" => all.iter().flat_map(|trace| trace["spans"].as_array().cloned().unwrap_or_default()).collect(),
        _ => all.to_vec(),
    };
    if state.poison.is_some_and(|name| named(&spans, name)) {
        return wrong("poison");
    }
    None
}

fn create_traces(state: &mut State, body: &Value) -> (u16, Value) {
    for trace in body["traces"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let id = text(&trace["id"]);
        if state.books.traces.contains_key(&id) {
            return (422, json!({"detail": format!("trace {id} already exists")}));
        }
        state.books.traces.insert(id.clone(), body["is_complete"] == true);
        add(state, &trace["spans"], &id, &id);
    }
    (200, json!({}))
}

fn add(state: &mut State, spans: &Value, trace: &str, parent: &str) {
    for body in spans.as_array().map(Vec::as_slice).unwrap_or_default() {
        let id = text(&body["id"]);
        let forgets = state.forgets;
        let span = state.books.spans.entry(id.clone()).or_default();
        let was_open = span.times > 0 && !span.ended;
        if was_open && let Some(open) = state.open.get_mut(&span.trace) {
            *open = open.saturating_sub(1);
        }
        span.times += 1;
        span.name = text(&body["name"]);
        (span.trace, span.parent) = (trace.to_owned(), parent.to_owned());
        span.ended |= !body["output"].is_null();
        if !span.ended {
            *state.open.entry(trace.to_owned()).or_default() += 1;
        }
        if !forgets {
            span.body = body.clone();
        }
        add(state, &body["spans"], trace, &id);
    }
}
