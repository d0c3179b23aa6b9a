"""Functions that raise: the program goes on, and what was called is in the trace."""

from galileo import galileo_context, log


@log(span_type="tool")
def divide(a: int, b: int) -> float:
    return a / b


@log(span_type="workflow")
def careful() -> str:
    try:
        divide(1, 0)
    except ZeroDivisionError:
        return "caught"


assert careful() == "caught"
galileo_context.flush()
