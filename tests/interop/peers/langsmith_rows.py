"""The Python `langsmith` package before and behind a Rust service, all three reporting to one recording server."""

import email.parser
import email.policy
import json
import subprocess

from collector import Collector
from harness import ROOT, Server, check
from install import clean, here

INFO = {
    "version": "0.10.0",
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 20971520,
        # The Python package does not start without these.
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
    },
    "instance_flags": {"gzip_body_enabled": True},
}


def answer(request):
    return (200, INFO) if request.path == "/info" else (202, {})


def runs(requests):
    """Every run of every form and batch, whole, by its id."""
    found = {}
    for request in requests:
        kind = request.headers.get("content-type", "")
        if request.path.endswith("/runs/batch"):
            body = json.loads(request.plain())
            for run in body.get("post", []) + body.get("patch", []):
                found.setdefault(run["id"], {}).update(run)
        elif request.path.endswith("/runs/multipart"):
            form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request.plain())
            for part in form.iter_parts():
                _, run, *field = part.get_param("name", header="content-disposition").split(".", 2)
                value = json.loads(part.get_payload(decode=True))
                found.setdefault(run, {}).update({field[0]: value} if field else value)
    return found


def one_trace(peers):
    python = peers.python("langsmith")
    with Collector(answer) as langsmith:
        ours = clean(GALILEO_EXPORTERS="langsmith", LANGSMITH_ENDPOINT=langsmith.address, LANGSMITH_API_KEY="k", LANGSMITH_PROJECT="ours")
        theirs = clean(LANGSMITH_TRACING="true", LANGSMITH_ENDPOINT=langsmith.address, LANGSMITH_API_KEY="k", LANGSMITH_PROJECT="theirs")
        with Server("downstream", [python, here("langsmith_server.py")], theirs, by_signal=True) as downstream:
            command = [peers.bin_dir / "relay", "--until-stdin-closes", "--next", f"{downstream.address}/work"]
            with Server("relay", command, ours) as relay:
                command = [str(python), str(here("langsmith_client.py")), f"{relay.address}/relay"]
                done = subprocess.run(command, env=theirs, cwd=ROOT, text=True, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
                check(done.returncode == 0, f"the client ended with {done.returncode}:\n{done.stderr[-3000:]}")
                relay.stop()
            downstream.stop()
        seen = {run["name"]: run for run in runs(langsmith.requests).values()}
    expected = {"upstream": None, "relay": "upstream", "forward": "relay", "downstream": "forward"}
    check(set(seen) == set(expected), f"runs are {sorted(seen)}")
    for name, parent in expected.items():
        run = seen[name]
        check(run["trace_id"] == seen["upstream"]["id"], f"`{name}` is in another trace")
        check(run.get("parent_run_id") == (parent and seen[parent]["id"]), f"`{name}` is not under `{parent}`")
        if parent:
            check(run["dotted_order"].startswith(seen[parent]["dotted_order"] + "."), f"the order of `{name}` does not continue that of `{parent}`")
        check(run["session_name"] == "theirs", f"`{name}` is in project {run['session_name']}")
        check("inherited" in run.get("tags", []), f"`{name}` has tags {run.get('tags')}")
        check(run["end_time"] and not run.get("error"), f"`{name}`: {run}")
    check(seen["forward"]["run_type"] == "tool" and seen["relay"]["run_type"] == "chain", "the kinds of our runs are wrong")
    check(seen["relay"]["extra"]["metadata"].get("customer") == "c1", f"metadata did not come along: {seen['relay']['extra']}")
    return "Python, Rust, Python: one trace, each run under its true parent; project, tags and metadata come along"


ROWS = [("langsmith", one_trace, True)]
