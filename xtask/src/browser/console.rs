//! The console under test: started on a free port with a database in memory, fed through its own Galileo API.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

/// A running console; it ends with this value.
pub(crate) struct Console {
    child: Child,
    /// `127.0.0.1:port`
    host: String,
    project: String,
    stream: String,
}

impl Console {
    /// Starts the binary on that port (0: a free one) and waits until it says where it listens.
    pub(crate) fn start(binary: &Path, database: &str, port: u16) -> Result<Console, String> {
        let listen = format!("127.0.0.1:{port}");
        let mut child = Command::new(binary)
            .args(["serve", "--listen", &listen, "--db", database])
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`{}` could not be started: {error}", binary.display()))?;
        let (sender, lines) = channel();
        let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|output| Box::new(output) as _),
            child.stderr.take().map(|output| Box::new(output) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            // Reads to the end, so that the console never waits for a full pipe.
            std::thread::spawn(move || {
                BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
            });
        }
        let mut console = Console { child, host: String::new(), project: String::new(), stream: String::new() };
        while console.host.is_empty() {
            let line =
                lines.recv_timeout(Duration::from_secs(20)).map_err(|_| "the console did not say where it listens")?;
            if let Some((_, rest)) = line.split_once("http://") {
                console.host = rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
            }
        }
        let project = console.post("/projects", &json!({"name": "observatory", "type": "gen_ai"}))?;
        console.project = id(&project)?;
        let stream =
            console.post(&format!("/projects/{}/log_streams", console.project), &json!({"name": "production"}))?;
        console.stream = id(&stream)?;
        Ok(console)
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.host)
    }

    pub(crate) fn port(&self) -> u16 {
        self.host.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0)
    }

    /// Starts a session.
    pub(crate) fn session(&self, name: &str) -> Result<String, String> {
        let body = json!({"log_stream_id": self.stream, "name": name});
        id(&self.post(&format!("/v2/projects/{}/sessions", self.project), &body)?)
    }

    /// Sends a trace with what is nested in it.
    pub(crate) fn trace(&self, trace: &Value, complete: bool, session: Option<&str>) -> Result<(), String> {
        let body = json!({"log_stream_id": self.stream, "reliable": true, "is_complete": complete, "session_id": session, "traces": [trace]});
        self.post(&format!("/v2/projects/{}/traces", self.project), &body).map(drop)
    }

    /// Sends spans of a trace that is under way.
    pub(crate) fn spans(&self, trace: &str, parent: &str, spans: &[Value]) -> Result<(), String> {
        let body = json!({"log_stream_id": self.stream, "reliable": true, "trace_id": trace, "parent_id": parent, "spans": spans});
        self.post(&format!("/v2/projects/{}/spans", self.project), &body).map(drop)
    }

    /// Updates a trace (`traces`) or span (`spans`).
    pub(crate) fn update(&self, kind: &str, id: &str, mut fields: Value) -> Result<(), String> {
        let (name, path) =
            (format!("{}_id", kind.trim_end_matches('s')), format!("/v2/projects/{}/{kind}/{id}", self.project));
        fields[name] = id.into();
        fields["log_stream_id"] = self.stream.clone().into();
        fields["reliable"] = true.into();
        self.request("PATCH", &path, &fields).map(drop)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.request("POST", path, body)
    }

    /// One request on a connection of its own: a client library would be the largest dependency of this program.
    fn request(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let fail = |error: std::io::Error| format!("{method} {path}: {error}");
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.host).map_err(fail)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(fail)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.host,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(fail)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(fail)?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{method} {path}: no answer"))?;
        if !head.starts_with("HTTP/1.1 2") {
            return Err(format!("{method} {path}: {} {body}", head.lines().next().unwrap_or_default()));
        }
        Ok(serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn id(value: &Value) -> Result<String, String> {
    value["id"].as_str().map(str::to_owned).ok_or_else(|| format!("no id in {value}"))
}
