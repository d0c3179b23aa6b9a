"""Three workflows in parallel below one, each with a tool."""

import asyncio

from galileo import galileo_context, log


@log(span_type="tool")
async def measure(number: int) -> int:
    await asyncio.sleep(0)
    return number * number


@log(span_type="workflow")
async def branch(number: int) -> int:
    await asyncio.sleep(0)
    return await measure(number)


@log(span_type="workflow")
async def fan_out() -> int:
    return sum(await asyncio.gather(*(branch(number) for number in range(3))))


assert asyncio.run(fan_out()) == 5
galileo_context.flush()
