"""MLflow takes OTLP with a header that names the experiment, and derives token usage from our attributes."""

import contextlib
import json
import subprocess
import tempfile
import time
import urllib.request

from ask import ask
from harness import ROOT, check
from install import answers, clean, free_port, here


@contextlib.contextmanager
def mlflow(peers):
    python, port = peers.python("mlflow"), free_port()
    with tempfile.TemporaryDirectory() as work:
        command = [python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{work}/mlflow.db", "--default-artifact-root", f"{work}/artifacts"]
        log = open(f"{work}/log", "w+")
        process = subprocess.Popen(command, env=clean(MLFLOW_DISABLE_TELEMETRY="true"), cwd=work, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            answers(f"http://127.0.0.1:{port}/health", 180)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)
            log.close()


def usage_and_experiment(peers):
    with mlflow(peers) as address:
        request = urllib.request.Request(f"{address}/api/2.0/mlflow/experiments/create", b'{"name": "rust"}', {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            experiment = json.loads(response.read())["experiment_id"]
        with peers.ask_service(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_EXPORTER_OTLP_HEADERS=f"x-mlflow-experiment-id={experiment}") as service:
            status, _ = ask(service)
            check(status == 200, f"ask_service answered {status}")
            service.stop()
        seen = json.loads(run(peers, "read_mlflow.py", address, experiment))
    names = {span["name"]: span for span in seen["spans"]}
    check(set(names) == {"orchestrator", "search_docs", "ask_model"}, f"spans are {sorted(names)}")
    check(names["ask_model"]["parent"] == names["orchestrator"]["id"], "the model's call is not under the workflow")
    usage = seen["usage"]
    check(usage and usage["input_tokens"] > 0 and usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], f"usage is {usage}")
    return "protobuf in under the experiment of a header; tree and token usage read back by its client"


def run(peers, program, *arguments):
    command = [peers.python("mlflow"), here(program), *arguments]
    done = subprocess.run([str(p) for p in command], env=clean(), cwd=ROOT, text=True, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
    check(done.returncode == 0, f"{program} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout


ROWS = [("mlflow", usage_and_experiment, False)]
