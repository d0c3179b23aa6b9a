"""A FastAPI service under the reference SDK's own middleware: `/echo` says what the request's logger continues."""

import sys

import httpx
import uvicorn
from fastapi import FastAPI
from galileo import galileo_context, get_tracing_headers, log
from galileo.middleware import TracingMiddleware, get_request_logger

app = FastAPI()
app.add_middleware(TracingMiddleware)


@app.post("/echo")
def echo():
    logger = get_request_logger()
    parent = logger.current_parent()
    read = {"trace": logger.trace_id, "parent": str(parent.id) if parent is not None else None}
    logger.terminate()
    return {"read": read}


@log(span_type="workflow", name="call")
def call_from_a_span(url):
    sent = get_tracing_headers()
    return {"sent": sent, "answer": httpx.post(url, headers=sent, json={}, timeout=30).json()}


@app.post("/call")
def call(body: dict):
    answer = call_from_a_span(body["url"])
    galileo_context.flush()
    return answer


if __name__ == "__main__":
    sys.exit(uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="info")).run())
