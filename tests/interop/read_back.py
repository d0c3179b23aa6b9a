"""Prints, as JSON, what the reference SDK's search functions find in a project: traces, spans and sessions, all pages."""

import json
import sys

from galileo.projects import get_project
from galileo.search import get_sessions, get_spans, get_traces

PAGE = 100


def everything(search, project_id):
    records, token = [], 0
    while True:
        page = search(project_id=project_id, limit=PAGE, starting_token=token)
        records += [record.to_dict() for record in page.records]
        if not page.paginated:
            return records
        token = page.next_starting_token


project = get_project(name=sys.argv[1])
if project is None:
    sys.exit(f"no project named {sys.argv[1]}")
found = {"traces": get_traces, "spans": get_spans, "sessions": get_sessions}
json.dump({name: everything(search, project.id) for name, search in found.items()}, sys.stdout, default=str)
