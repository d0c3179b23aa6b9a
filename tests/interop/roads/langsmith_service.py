"""A FastAPI service under LangSmith's own middleware: `/echo` says what it read, `/call` calls another service from a run below."""

import os
import sys

import httpx
import uvicorn
from fastapi import FastAPI, Request
from langsmith.middleware import TracingMiddleware
from langsmith.run_helpers import get_current_run_tree

app = FastAPI()
app.add_middleware(TracingMiddleware)


def described(run):
    if run is None:
        return None
    return {
        "trace": str(run.trace_id),
        "run": str(run.id),
        "dotted_order": run.dotted_order,
        "tags": run.tags,
        "metadata": run.extra.get("metadata", {}),
        "project": run.session_name,
    }


@app.post("/echo")
async def echo(request: Request):
    return {"read": described(get_current_run_tree()), "headers": dict(request.headers)}


@app.post("/call")
async def call(body: dict):
    child = get_current_run_tree().create_child(name="child", run_type="chain", tags=["below"])
    async with httpx.AsyncClient() as client:
        answer = await client.post(body["url"], headers=child.to_headers(), json={})
    return {"here": described(child), "answer": answer.json()}


if __name__ == "__main__":
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="info")
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    sys.exit(uvicorn.Server(config).run())
