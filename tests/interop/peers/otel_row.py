"""A Python service with OpenTelemetry's own SDK asks our service: one trace, each span under its true parent."""

import subprocess

from collector import Collector, attributes, otlp_json_spans
from harness import ROOT, check
from install import clean, here


def one_trace(peers):
    with Collector() as theirs, Collector() as ours:
        with peers.ask_service(OTEL_EXPORTER_OTLP_ENDPOINT=ours.address, OTEL_EXPORTER_OTLP_PROTOCOL="http/json") as service:
            command = [peers.python("python-otel"), here("otel_client.py"), f"{service.address}/ask", theirs.address]
            done = subprocess.run([str(p) for p in command], env=clean(), cwd=ROOT, text=True, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
            check(done.returncode == 0, f"the client ended with {done.returncode}:\n{done.stderr[-3000:]}")
            service.stop()
        spans = {span["name"]: (about, span) for about, span in otlp_json_spans(ours.requests)}
    trace, parent = done.stdout.split()
    check(len(theirs.requests) == 1 and bytes.fromhex(trace) in theirs.requests[0].plain(), "the client's own spans did not arrive")
    check(set(spans) == {"orchestrator", "search_docs", "ask_model"}, f"our spans are {sorted(spans)}")
    for name, (about, span) in spans.items():
        check(span["traceId"] == trace, f"`{name}` is in trace {span['traceId']}, not in {trace}")
        check(about["service.name"] == "ask_service", f"the service is {about['service.name']}")
    root = spans["orchestrator"][1]
    check(root["parentSpanId"] == parent, f"the workflow is under {root.get('parentSpanId')}, not under the client's span {parent}")
    check(root["kind"] == 2, f"the span that answers a call is of kind {root['kind']}, not a server's")
    check(attributes(spans["search_docs"][1])["gen_ai.tool.name"] == "search_docs", "the tool has no name")
    return "a Python client span is the parent of the Rust workflow; trace ids that are no UUIDs are kept"


ROWS = [("python-otel", one_trace, True)]
