"""Values that are awkward on the wire: content blocks, naive times, not-a-number, big integers, deep objects, no ASCII."""

import datetime as dt
import os

from galileo import GalileoLogger, galileo_context, log
from galileo.schema.content_blocks import DataContentBlock, TextContentBlock

logger = GalileoLogger(mode=os.environ["GALILEO_MODE"])
blocks = [TextContentBlock(text="look"), DataContentBlock(modality="image", url="https://example.com/a.png")]
logger.start_trace(input=blocks, name="pictures")
logger.add_llm_span(input="p", redacted_input="***", output="o", model="small", name="naive_time", created_at=dt.datetime(2025, 1, 2, 3, 4, 5, 6))
logger.add_retriever_span(input="r", output=[{"text": "not a document", "score": 1}], name="dictionaries")
logger.conclude(output=[TextContentBlock(text="done")])
logger.flush()


@log(span_type="tool")
def odd(number: float, big: int, text: str, nested: dict) -> dict:
    return {"number": number, "text": text}


@log
def outer() -> str:
    odd(float("nan"), 2**60, "Ünïcödé \U0001f52d \x00 </script>", {"a": [{"b": None}]})
    return "ok"


outer()
galileo_context.flush()
