"""Calls a service inside a run of LangSmith's own SDK: `langsmith_client.py URL`. The first of three."""

import json
import sys
import urllib.request

import langsmith as ls
from langsmith.run_helpers import get_current_run_tree
from langsmith.run_trees import get_cached_client


@ls.traceable(name="upstream", tags=["inherited"], metadata={"customer": "c1"})
def call(url):
    headers = {"Content-Type": "application/json", **get_current_run_tree().to_headers()}
    request = urllib.request.Request(url, json.dumps({"text": "moons"}).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())["text"]


assert call(sys.argv[1]) == "MOONS"
get_cached_client().flush()
