"""One question to the example service."""

import json
import urllib.error
import urllib.request


def ask(service, question="How is a span delivered to the backend?", headers=None):
    """The status and the answer."""
    request = urllib.request.Request(
        f"{service.address}/ask", json.dumps({"question": question}).encode(), {"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
