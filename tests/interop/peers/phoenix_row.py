"""Arize Phoenix takes our protobuf; its REST API gives the spans back with kinds, messages and token counts."""

import contextlib
import json
import subprocess
import tempfile
import time
import urllib.request

from ask import ask
from harness import ROOT, check
from install import answers, clean, free_port


@contextlib.contextmanager
def phoenix(peers):
    python, port = peers.python("phoenix"), free_port()
    with tempfile.TemporaryDirectory() as work:
        env = clean(PHOENIX_PORT=port, PHOENIX_GRPC_PORT=free_port(), PHOENIX_HOST="127.0.0.1", PHOENIX_WORKING_DIR=work, PHOENIX_TELEMETRY_ENABLED="false")
        log = open(f"{work}/log", "w+")
        process = subprocess.Popen([python, "-m", "phoenix.server.main", "serve"], env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            answers(f"http://127.0.0.1:{port}/healthz", 180)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)
            log.close()


def read_back(address, count):
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/v1/projects/default/spans?limit=100", timeout=10) as response:
            spans = json.loads(response.read())["data"]
            if len(spans) >= count:
                return spans
        check(time.monotonic() < deadline, f"Phoenix does not show {count} spans")
        time.sleep(0.5)


def kinds_messages_and_tokens(peers):
    with phoenix(peers) as address, peers.ask_service(OTEL_EXPORTER_OTLP_ENDPOINT=address) as service:
        status, _ = ask(service)
        check(status == 200, f"ask_service answered {status}")
        service.stop()
        spans = {span["name"]: span for span in read_back(address, 3)}
    kinds = {name: span["span_kind"] for name, span in spans.items()}
    check(kinds == {"orchestrator": "CHAIN", "search_docs": "TOOL", "ask_model": "LLM"}, f"kinds are {kinds}")
    root, llm = spans["orchestrator"], spans["ask_model"]["attributes"]
    for name in ["search_docs", "ask_model"]:
        check(spans[name]["parent_id"] == root["context"]["span_id"], f"`{name}` is not under the workflow")
    check(llm.get("llm.token_count.prompt", 0) > 0 and llm.get("llm.token_count.completion", 0) > 0, f"no token counts: {sorted(llm)}")
    check(llm.get("llm.model_name") == "extractive-1", f"model is {llm.get('llm.model_name')}")
    roles = [llm.get(f"llm.input_messages.{i}.message.role") for i in range(2)] if "llm.input_messages.0.message.role" in llm else [
        message.get("message.role") or message.get("message", {}).get("role") for message in llm.get("llm.input_messages", [])
    ]
    check(roles == ["system", "user"], f"roles are {roles}: {llm}")
    return "protobuf in; kinds, parents, model, messages and token counts read back by REST"


ROWS = [("phoenix", kinds_messages_and_tokens, False)]
