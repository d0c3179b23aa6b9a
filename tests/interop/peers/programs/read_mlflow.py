"""Prints the newest trace of an MLflow experiment as JSON: `read_mlflow.py ADDRESS EXPERIMENT`."""

import json
import sys
import time

import mlflow

address, experiment = sys.argv[1:]
mlflow.set_tracking_uri(address)
client = mlflow.MlflowClient()
for _ in range(60):
    traces = client.search_traces(locations=[experiment], max_results=1)
    if traces and len(traces[0].data.spans) >= 3:
        break
    time.sleep(0.5)
trace = traces[0]
spans = [{"name": span.name, "id": span.span_id, "parent": span.parent_id, "type": span.span_type} for span in trace.data.spans]
print(json.dumps({"spans": spans, "usage": trace.info.token_usage}))
