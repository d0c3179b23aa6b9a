"""The orchestrator of the two-service RAG in Python, for a retrieval service in any language.

    pip install -r requirements.txt
    GALILEO_MODE=distributed python orchestrator.py --retrieval http://127.0.0.1:8001 "What happens when the backend is down?"
"""

import argparse
import asyncio
import json
import re
from collections import Counter

import httpx
from galileo import galileo_context, get_tracing_headers, log

PASSAGES = 4


@log(span_type="tool")
async def extract_answer(question: str, passages: list[str]) -> str:
    """The sentence that shares most words with the question; words that stand in many sentences count little."""
    sentences = [" ".join(s.split()) for text in passages for s in re.split(r"(?<=[.!?])\s+", text) if len(s.split()) > 3]
    frequency = Counter(word for sentence in sentences for word in words(sentence))
    asked = words(question)
    return max(sentences, key=lambda s: sum(1 / frequency[word] for word in words(s) & asked), default="The documents do not say.")


def words(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"\w+", text.lower())}


# A workflow and not a tool: the reference SDK sends a tool when it ends, too late to be anybody's parent.
@log(span_type="workflow")
async def search_passages(retrieval: str, query: str) -> list[str]:
    async with httpx.AsyncClient(timeout=30) as client:
        reply = await client.post(f"{retrieval}/search", json={"query": query, "limit": PASSAGES}, headers=get_tracing_headers())
    reply.raise_for_status()
    return [hit["passage"]["text"] for hit in reply.json()["hits"]]


@log(span_type="workflow")
async def answer_question(retrieval: str, question: str) -> str:
    return await extract_answer(question, await search_passages(retrieval, question))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retrieval", required=True)
    parser.add_argument("question")
    options = parser.parse_args()
    answer = asyncio.run(answer_question(options.retrieval.rstrip("/"), options.question))
    galileo_context.flush()
    print(json.dumps({"answer": answer}))


if __name__ == "__main__":
    main()
