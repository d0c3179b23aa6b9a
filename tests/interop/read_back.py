"""Prints, as JSON, what the reference SDK's search functions find in a project: traces, spans and sessions, all pages."""

import datetime as dt
import json
import sys

import attrs
from galileo.projects import get_project
from galileo.resources.types import Unset
from galileo.search import get_sessions, get_spans, get_traces

PAGE = 100


def plain(value):
    """A response model as plain data. (`to_dict` of these models breaks on content blocks that the published schema does not know.)"""
    if attrs.has(type(value)):
        fields = {field.name.rstrip("_"): getattr(value, field.name) for field in attrs.fields(type(value))}
        fields.update(fields.pop("additional_properties", {}))
        return {name: plain(item) for name, item in fields.items() if not isinstance(item, Unset)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.datetime) else value


def everything(search, project_id):
    records, token = [], 0
    while True:
        page = search(project_id=project_id, limit=PAGE, starting_token=token)
        records += [plain(record) for record in page.records]
        if not page.paginated:
            return records
        token = page.next_starting_token


project = get_project(name=sys.argv[1])
if project is None:
    sys.exit(f"no project named {sys.argv[1]}")
found = {"traces": get_traces, "spans": get_spans, "sessions": get_sessions}
json.dump({name: everything(search, project.id) for name, search in found.items()}, sys.stdout)
