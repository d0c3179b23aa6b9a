"""The logger used by hand: tool calls, documents, metadata, tags, status, and a trace that flush has to conclude."""

import os

from galileo import GalileoLogger
from galileo_core.schemas.shared.document import Document

logger = GalileoLogger(mode=os.environ["GALILEO_MODE"])
logger.start_trace(input="hi", name="by_hand", metadata={"tier": "gold"}, tags=["t1", "t2"], dataset_input="in", dataset_output="out")
logger.add_workflow_span(input="workflow in", name="outer", metadata={"k": "v"}, tags=["w"])
logger.add_agent_span(input="agent in", name="helper")
logger.add_llm_span(
    input=[{"role": "user", "content": "hi"}],
    output={"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}]},
    name="chat",
    model="small",
    num_input_tokens=10,
    num_output_tokens=3,
    total_tokens=13,
    temperature=0.5,
    duration_ns=1000,
    time_to_first_token_ns=400,
    tools=[{"type": "function", "function": {"name": "weather", "parameters": {}}}],
    status_code=200,
)
logger.add_tool_span(input='{"city": "Paris"}', output="sunny", name="weather", tool_call_id="call_1", status_code=200, duration_ns=5)
logger.add_retriever_span(input="q", output=[Document(content="d1", metadata={"source": "x"})], name="kb", duration_ns=7)
logger.conclude(output="agent out", duration_ns=100, status_code=200)
logger.conclude(output="workflow out", duration_ns=200, status_code=503)
logger.conclude(output="trace out", duration_ns=300, status_code=200)
logger.flush()

logger.start_trace(input="second", name="left_open")
logger.add_workflow_span(input="in", name="never_concluded")
logger.add_tool_span(input="t", output="last words", name="last")
logger.flush()
logger.terminate()
