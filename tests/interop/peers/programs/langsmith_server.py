"""A service traced by LangSmith's own SDK: the last of three. Prints its address."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import signal
import threading

import langsmith as ls
from langsmith.run_trees import get_cached_client


@ls.traceable(name="downstream")
def work(text):
    return text.upper()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with ls.tracing_context(parent=dict(self.headers)):
            data = json.dumps({"text": work(json.loads(body)["text"])}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
get_cached_client().flush()
