"""The retrieval service of the two-service RAG in Python, for an orchestrator in any language.

It speaks the same HTTP as `quickstart retrieval`: POST /search {"query", "limit"} answers {"hits": [{"passage", "score"}]}.
The trace continues because the middleware reads the headers that the orchestrator sent.

    pip install -r requirements.txt
    GALILEO_MODE=distributed python retrieval.py --docs ../..
"""

import argparse
import math
import re
import socket
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from galileo import galileo_context, log
from galileo.middleware import TracingMiddleware
from pydantic import BaseModel

SKIPPED = {"target", "node_modules"}
K1, B = 1.2, 0.75


def words(text):
    return [word.rstrip("s") for word in re.findall(r"[a-z0-9]+", text.lower())]


def passages(folder):
    """The sections of every Markdown file below a folder."""
    for file in sorted(folder.rglob("*.md")):
        path = file.relative_to(folder)
        if SKIPPED.intersection(path.parts) or any(part.startswith(".") for part in path.parts):
            continue
        heading, lines, fenced = "", [], False
        for line in [*file.read_text(encoding="utf-8").splitlines(), "# end"]:
            fenced ^= line.lstrip().startswith("```")
            if not fenced and re.match(r"#{1,6} ", line):
                if text := "\n".join(lines).strip():
                    yield {"path": path.as_posix(), "heading": heading, "text": text}
                heading, lines = line.lstrip("# ").strip(), []
            else:
                lines.append(line)


class Index:
    """BM25 over passages."""

    def __init__(self, found):
        self.passages = list(found)
        self.counts = [Counter(words(f"{p['heading']} {p['text']}")) for p in self.passages]
        self.lengths = [sum(count.values()) for count in self.counts]
        self.average = sum(self.lengths) / max(len(self.lengths), 1)
        seen = Counter(word for count in self.counts for word in count)
        self.weight = {word: math.log(1 + (len(self.passages) - n + 0.5) / (n + 0.5)) for word, n in seen.items()}

    def search(self, query, limit):
        asked = set(words(query))
        hits = []
        for passage, count, length in zip(self.passages, self.counts, self.lengths):
            norm = K1 * (1 - B + B * length / self.average)
            score = sum(self.weight[word] * count[word] * (K1 + 1) / (count[word] + norm) for word in asked if word in count)
            if score > 0:
                hits.append({"passage": passage, "score": score})
        return sorted(hits, key=lambda hit: -hit["score"])[:limit]


class SearchRequest(BaseModel):
    query: str
    limit: int = 4


@asynccontextmanager
async def deliver_at_the_end(_):
    yield
    galileo_context.flush()


app = FastAPI(lifespan=deliver_at_the_end)
app.add_middleware(TracingMiddleware)
index = None


@log(span_type="retriever")
def search_index(query: str, limit: int) -> list[dict]:
    hits = index.search(query, limit)
    return [{"content": h["passage"]["text"], "metadata": {"path": h["passage"]["path"], "score": h["score"]}} for h in hits]


@log(span_type="workflow")
def retrieve(query: str, limit: int) -> list[dict]:
    found = search_index(query, limit)
    by_text = {p["text"]: p for p in index.passages}
    return [{"passage": by_text[document["content"]], "score": document["metadata"]["score"]} for document in found]


@app.post("/search")
async def search(request: SearchRequest):
    return {"hits": retrieve(request.query, request.limit)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--docs", type=Path, default=Path(__file__).resolve().parents[2])
    options = parser.parse_args()

    global index
    index = Index(passages(options.docs))
    listener = socket.create_server(("127.0.0.1", options.port))
    print(f"retrieval listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
