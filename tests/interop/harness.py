"""Processes, a recording forwarder and trees: what every row of the cross-language lane is written with."""

import contextlib
import http.client
import json
import os
import queue
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = r"http://127\.0\.0\.1:(\d+)"
STARTUP_SECONDS = 60
PROJECT = "interop"


class Failed(AssertionError):
    """A row did not hold; the text says what was expected and what was there."""


def check(holds, text):
    """Fails the row with `text` unless `holds`."""
    if not holds:
        raise Failed(text)


def environment(api_url, **extra):
    """The environment of a program that reports to `api_url`: nothing of the caller's GALILEO_* or OPENAI_* settings."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GALILEO_", "OPENAI_", "OTEL_", "LANGSMITH_"))}
    env.update(
        GALILEO_API_KEY="interop-key",
        GALILEO_CONSOLE_URL=api_url,
        GALILEO_API_URL=api_url,
        GALILEO_PROJECT=PROJECT,
        GALILEO_LOG_STREAM="interop",
        NO_PROXY="127.0.0.1,localhost",
        PYTHONUNBUFFERED="1",
    )
    env.update({k: str(v) for k, v in extra.items()})
    return env


class Server:
    """A program that prints its address when it is ready. It ends when its standard input closes, or with `by_signal` on SIGTERM.

    `ready` is what the address looks like in its output; its group is the port.
    """

    def __init__(self, name, command, env=None, by_signal=False, ready=ADDRESS):
        self.name, self.lines, self.address, self._by_signal, self._pattern = name, [], None, by_signal, re.compile(ready)
        self._ready = queue.Queue()
        self._process = subprocess.Popen(
            [str(part) for part in command], env=env, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            port = self._ready.get(timeout=STARTUP_SECONDS)
        except queue.Empty:
            port = None
        if port is None:
            self.stop()
            raise Failed(f"{name} did not say where it listens; it printed:\n{self.output()}")
        self.address = f"http://127.0.0.1:{port}"

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line)
            if self.address is None and (found := self._pattern.search(line)):
                self._ready.put(found[1])
        self._ready.put(None)

    def output(self):
        return "".join(self.lines[-60:])

    def stop(self):
        """Ends the program as its user would, and waits until it has delivered what it holds. Returns its exit status."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        if self._by_signal:
            self._process.terminate()
        try:
            status = self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise Failed(f"{self.name} did not end within 30 s; it printed:\n{self.output()}") from None
        self._reader.join()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.stop()


def run_program(command, env, seconds=90):
    """Runs a program to its end; fails the row when it fails. Returns what it printed on standard output."""
    done = subprocess.run([str(p) for p in command], env=env, cwd=ROOT, text=True, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL)
    check(done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


@dataclass
class Exchange:
    """One request that went through the forwarder, in the order of arrival, and when it was answered on the same count."""

    arrived: int
    method: str
    path: str
    body: object
    status: int = 0
    answered: int = 0


@dataclass
class Recording:
    """What went through the forwarder."""

    exchanges: list = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: int = 0

    def tick(self):
        with self._lock:
            self._count += 1
            return self._count

    def add(self, exchange):
        with self._lock:
            self.exchanges.append(exchange)

    def refused(self, ingest):
        """Requests that were not answered with success. Only the probe for the ingest service may be, when there is none."""
        allowed = () if ingest else ("/ingest/healthz",)
        return [f"{e.method} {e.path} -> {e.status}" for e in self.exchanges if not 200 <= e.status < 300 and e.path not in allowed]

    def repeated(self):
        """Ids of traces and spans that were created more than once: what a retry looks like."""
        seen, twice = set(), []

        def note(record):
            if record["id"] in seen:
                twice.append(f"{record.get('type')} {record['id']}")
            seen.add(record["id"])
            for child in record.get("spans") or []:
                note(child)

        for exchange in self.exchanges:
            if exchange.method == "POST" and isinstance(exchange.body, dict):
                for record in [*(exchange.body.get("traces") or []), *(exchange.body.get("spans") or [])]:
                    note(record)
        return twice


@contextlib.contextmanager
def forwarder(target):
    """Forwards every request to `target` and records it; yields its own address and the recording."""
    host = urlsplit(target).netloc
    recording = Recording()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A header packet that waits for the acknowledgement of the one before costs 40 ms on each request.
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                parsed = json.loads(body) if body else None
            except ValueError:
                parsed = body
            exchange = Exchange(recording.tick(), self.command, urlsplit(self.path).path, parsed)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length")}
            upstream = http.client.HTTPConnection(host, timeout=60)
            upstream.request(self.command, self.path, body=body or None, headers=kept)
            answer = upstream.getresponse()
            data = answer.read()
            upstream.close()
            exchange.status, exchange.answered = answer.status, recording.tick()
            recording.add(exchange)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = forward

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", recording
    finally:
        server.shutdown()
        server.server_close()


def read_back(api_url):
    """What the reference SDK's own search functions find in the project, as plain data, in a process of its own."""
    script = Path(__file__).parent / "read_back.py"
    return json.loads(run_program([sys.executable, script, PROJECT], environment(api_url)))


@dataclass
class Node:
    """A trace or span as the search functions returned it, with its children in order of their start."""

    record: dict
    children: list

    @property
    def name(self):
        return self.record["name"]

    def shape(self):
        """`name type` with the children below it; children are ordered by their own shape, since siblings may run in parallel."""
        return (f"{self.name} {self.record['type']}", sorted(child.shape() for child in self.children))

    def find(self, name):
        """The one span with that name below this one."""
        found = [node for node in self.walk() if node.name == name and node is not self]
        check(len(found) == 1, f"expected one `{name}`, found {len(found)} in\n{show(self.shape())}")
        return found[0].record

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()


def forest(found):
    """The traces that were read back, each as a tree. Fails on a span whose trace or parent is not there."""
    nodes = {record["id"]: Node(record, []) for record in [*found["traces"], *found["spans"]]}
    for span in sorted(found["spans"], key=lambda span: span["created_at"]):
        parent = nodes.get(span["parent_id"] or span["trace_id"])
        check(parent is not None, f"the parent of `{span['name']}` is not there: {span['parent_id']}")
        above = parent.record["id"] if parent.record["type"] == "trace" else parent.record["trace_id"]
        check(above == span["trace_id"], f"`{span['name']}` hangs below a span of another trace")
        parent.children.append(nodes[span["id"]])
    return [nodes[trace["id"]] for trace in sorted(found["traces"], key=lambda trace: trace["created_at"])]


def tree(text):
    """The expected tree: one `name type` a line, indented by two spaces for each level; the first line is the trace."""
    lines = [line for line in text.splitlines() if line.strip()]
    margin = len(lines[0]) - len(lines[0].lstrip())
    stack = []
    for line in lines:
        level = (len(line) - len(line.lstrip()) - margin) // 2
        node = (line.strip(), [])
        if level > 0:
            stack[level - 1][1].append(node)
        stack[level:] = [node]

    def ordered(node):
        return (node[0], sorted(ordered(child) for child in node[1]))

    return ordered(stack[0])


def show(shape, depth=0):
    """A shape in the form that `tree` reads."""
    return "\n".join(["  " * depth + shape[0], *(show(child, depth + 1) for child in shape[1])])


def same_trees(found, expected):
    """Fails unless the traces have exactly these shapes, in any order."""
    left, right = sorted(node.shape() for node in found), sorted(tree(text) for text in expected)
    if left != right:
        raise Failed("expected\n" + "\n".join(map(show, right)) + "\nfound\n" + "\n".join(map(show, left)))
