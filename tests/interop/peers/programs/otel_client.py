"""Asks a service inside a span of OpenTelemetry's Python SDK: `otel_client.py URL COLLECTOR`. Prints the trace's and the span's id."""

import json
import sys
import urllib.request

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

url, collector = sys.argv[1:]
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{collector}/v1/traces")))
trace.set_tracer_provider(provider)

with trace.get_tracer("client").start_as_current_span("client") as span:
    headers = {"Content-Type": "application/json"}
    inject(headers)
    body = json.dumps({"question": "How is a span delivered to the backend?"}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as response:
        json.loads(response.read())["answer"]
    context = span.get_span_context()
provider.shutdown()
print(f"{context.trace_id:032x} {context.span_id:016x}")
