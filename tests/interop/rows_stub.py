"""This SDK against a strict recording stub of the backend; the recording is then judged by a validator that nobody here wrote.

The stub refuses what the backend is believed to refuse: a span whose trace or parent is unknown, a span of a completed trace, an
update of something unknown, an id that is not a version 4 UUID.
"""

import json
import sys
import tempfile
from pathlib import Path

from harness import Failed, Server, check, environment, run_program
from rows_services import QUESTION, ask


class Stub:
    """The strict stub with its recording in a folder of its own."""

    def __init__(self, context, ingest):
        self._folder = tempfile.TemporaryDirectory(prefix="galileo-interop-")
        self._validator = context.shared / "tools/galileo_validate.py"
        self.recording = Path(self._folder.name) / "recording.jsonl"
        command = [sys.executable, "-u", context.shared / "tools/galileo_stub.py", "--strict", "--out", self.recording]
        self._server = Server("stub", command + (["--ingest"] if ingest else []), by_signal=True, ready=r"listening on (\d+)")
        self.address = self._server.address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.__exit__()
        self._folder.cleanup()

    def requests(self):
        """What was recorded so far, in the order of arrival."""
        records = [json.loads(line) for line in self.recording.read_text().splitlines()]
        return sorted(records, key=lambda record: record["seq"])

    def judge(self):
        """Fails the row unless the validator finds nothing."""
        try:
            run_program([sys.executable, self._validator, self.recording, "--order", "ack"], None)
        except Failed as error:
            calls = "\n".join(f"{r['seq']} {r['t_ms']}-{r['done_ms']} {r['method']} {r['path']} -> {r['status']}" for r in self.requests())
            raise Failed(f"{error}\n{calls}") from None


def refused(requests, ingest):
    """Requests that were not answered with success, the probe for the ingest service aside."""
    probe = () if ingest else ("/ingest/healthz",)
    return [r for r in requests if not 200 <= r["status"] < 300 and r["path"] not in probe]


def brief(requests):
    return [f"{r['seq']} {r['method']} {r['path']} -> {r['status']}" for r in requests]


def data_calls(requests):
    return [r for r in requests if r["method"] in ("POST", "PATCH") and ("/traces" in r["path"] or "/spans" in r["path"])]


def one_process(mode, ingest):
    def go(context):
        with Stub(context, ingest) as stub:
            run_program([context.bin_dir / "span_types"], environment(stub.address, GALILEO_MODE=mode))
            requests = stub.requests()
            check(not refused(requests, ingest), f"refused: {brief(refused(requests, ingest))}")
            through = [r["path"] for r in data_calls(requests) if r["method"] == "POST"]
            check(all(path.startswith("/ingest/") == ingest for path in through), f"the ingest service was not used as the row says: {through}")
            types = {span["type"] for r in data_calls(requests) for span in everything(r["body"])}
            expected = {"trace", "workflow", "agent", "llm", "retriever", "tool"}
            check(expected <= types, f"types that did not arrive: {expected - types}")
            stub.judge()

    return (f"stub/one-process/{mode}/{'ingest' if ingest else 'api'}", go, True)


def everything(body):
    """The traces and spans of a request and all that is nested in them."""
    waiting = [*(body.get("traces") or []), *(body.get("spans") or [])]
    while waiting:
        record = waiting.pop()
        yield record
        waiting += record.get("spans") or []


def two_services(ingest):
    def go(context):
        with Stub(context, ingest) as stub:

            def service(name):
                return environment(stub.address, GALILEO_MODE="distributed", GALILEO_SERVICE_NAME=name, GALILEO_EXTRA_HEADERS=json.dumps({"X-Service": name}))

            with context.rust_service("retrieval", service("retrieval")) as retrieval:
                with context.rust_service("orchestrator", service("orchestrator"), "--retrieval", retrieval.address) as orchestrator:
                    ask(orchestrator.address, QUESTION)
                    check(orchestrator.stop() == 0, f"the orchestrator failed:\n{orchestrator.output()}")
                check(retrieval.stop() == 0, f"the retrieval service failed:\n{retrieval.output()}")

            requests = stub.requests()
            by_service = {name: [r for r in requests if sender(r) == name] for name in ("orchestrator", "retrieval")}
            check(not refused(by_service["orchestrator"], ingest), f"refused: {brief(refused(by_service['orchestrator'], ingest))}")
            # The parent of its entry span is another process's to send: that one request may come too early and is repeated.
            early = [r for r in refused(by_service["retrieval"], ingest) if not (r["method"] == "POST" and r["status"] in (404, 422))]
            check(not early, f"refused: {brief(early)}")

            own = data_calls(by_service["retrieval"])
            check(own, "the retrieval service sent nothing")
            check(not [r for r in own if "/traces" in r["path"]], f"a downstream service touched the trace: {brief(own)}")
            completes = [r for r in data_calls(requests) if r["body"].get("is_complete")]
            check(len(completes) == 1, f"completed {len(completes)} times")
            late = [r for r in data_calls(requests) if r["done_ms"] > completes[0]["t_ms"] and r is not completes[0]]
            check(not late, f"still under way when the trace was completed: {brief(late)}")
            stub.judge()

    return (f"stub/two-services/distributed/{'ingest' if ingest else 'api'}", go, True)


def sender(request):
    return next((value for name, value in request["headers"].items() if name.lower() == "x-service"), None)


ROWS = [
    *(one_process(mode, ingest) for mode in ("batch", "distributed") for ingest in (True, False)),
    *(two_services(ingest) for ingest in (True, False)),
]
