"""Sessions: made, found again by their external id, linked to the one before, cleared."""

from galileo import GalileoLogger, galileo_context, log

first = GalileoLogger()
session = first.start_session(name="chat", external_id="conversation-1", metadata={"brand": "acme"})
first.start_trace(input="hi", name="in_session")
first.add_workflow_span(input="w", name="turn_by_hand")
first.conclude(output="w out")
first.conclude(output="out")
first.flush()

second = GalileoLogger()
assert second.start_session(external_id="conversation-1") == session, "the session was not found by its external id"
follow_up = second.start_session(name="follow up", previous_session_id=session)
assert follow_up != session
second.clear_session()
second.start_trace(input="no session", name="outside")
second.conclude(output="x")
second.flush()


@log
def turn(question: str) -> str:
    return "a"


galileo_context.start_session(external_id="conversation-1")
turn("q1")
galileo_context.flush()
