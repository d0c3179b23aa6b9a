"""rotel, a collector written in Rust, takes our OTLP in both formats and passes it on."""

import contextlib
import subprocess

from ask import ask
from collector import Collector
from harness import ROOT, check
from install import clean, free_port


@contextlib.contextmanager
def rotel(peers, to):
    # The wheel carries the program beside its Python client.
    program, port = next(peers.python("rotel").parents[1].glob("lib/*/site-packages/rotel/rotel-agent")), free_port()
    command = [program, "start", "--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}"]
    command += ["--exporter", "otlp", "--otlp-exporter-endpoint", to, "--otlp-exporter-protocol", "http", "--otlp-exporter-compression", "none"]
    process = subprocess.Popen([str(p) for p in command], env=clean(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def passes_on(peers):
    for format, compression in [("http/protobuf", "gzip"), ("http/json", "none")]:
        with Collector() as behind, rotel(peers, behind.address) as address:
            env = dict(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_EXPORTER_OTLP_PROTOCOL=format, OTEL_EXPORTER_OTLP_COMPRESSION=compression)
            with peers.ask_service(**env) as service:
                status, _ = ask(service)
                check(status == 200, f"ask_service answered {status}")
                service.stop()
                check("3 delivered" in service.output(), f"{format}: {service.output()}")
            requests = behind.wait(lambda all: sum(request.plain().count(b"gen_ai.operation.name") for request in all) >= 3)
        body = b"".join(request.plain() for request in requests)
        for text in [b"orchestrator", b"search_docs", b"ask_model", b"service.name"]:
            check(text in body, f"{format}: `{text.decode()}` did not come out behind the collector")
    return "protobuf with gzip and JSON in; all spans come out behind it"


ROWS = [("rotel", passes_on, True)]
