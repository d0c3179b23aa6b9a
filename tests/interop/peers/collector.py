"""A server that keeps every request: what peers send, and what we send through them."""

import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes

    def plain(self):
        """The body without its compression."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body


@dataclass
class Collector:
    """`answer` gets the request and returns (status, object) for single paths; everything else is 200 with an empty object."""

    answer: object = None
    requests: list = field(default_factory=list)

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = self.headers.get("content-length")
                body = self.rfile.read(int(length)) if length is not None else self._chunks()
                request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                with outer._lock:
                    outer.requests.append(request)
                    outer._lock.notify_all()
                status, answer = (outer.answer and outer.answer(request)) or (200, {})
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _chunks(self):
                if self.headers.get("transfer-encoding", "") != "chunked":
                    return b""
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            do_GET = do_POST = do_PATCH = do_PUT = handle_any

            def log_message(self, *_):
                pass

        self._lock = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def wait(self, enough, seconds=60):
        """The requests once `enough(requests)` is true; what there is after `seconds` otherwise."""
        with self._lock:
            self._lock.wait_for(lambda: enough(self.requests), seconds)
            return list(self.requests)


def otlp_json_spans(requests):
    """(resource attributes, span) of OTLP requests in JSON."""
    for request in requests:
        for resource in json.loads(request.plain())["resourceSpans"]:
            about = attributes(resource["resource"])
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    yield about, span


def attributes(holder):
    return {a["key"]: next(iter(a["value"].values()), None) for a in holder.get("attributes", [])}
