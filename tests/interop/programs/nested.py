"""Decorated functions of every type, async, three deep."""

import asyncio

from galileo import galileo_context, log


@log(span_type="tool")
async def weather(city: str, days: int = 3) -> dict:
    return {"city": city, "days": days, "sunny": True}


@log(span_type="retriever", name="kb_search")
async def search(query: str) -> list[str]:
    return ["Paris is sunny.", "Bring a hat."]


@log(span_type="llm", params={"model": "small", "num_input_tokens": lambda a: 11, "num_output_tokens": lambda a: 7})
async def ask_model(messages: list[dict], temperature: float = 0.2) -> str:
    return "It is sunny in Paris."


@log(span_type="agent", params={"agent_type": "planner"})
async def plan(question: str) -> str:
    report = await weather("Paris")
    documents = await search(question)
    return await ask_model([{"role": "system", "content": "\n".join(documents)}, {"role": "user", "content": f"{question} {report}"}])


@log(span_type="workflow")
async def handle(question: str) -> dict:
    return {"answer": await plan(question), "n": 1}


asyncio.run(handle("What is the weather in Paris?"))
galileo_context.flush()
