"""The reference SDK alone against the console: every request is answered without a retry, and the tree is what the program did."""

import json
import sys
from pathlib import Path

from harness import check, environment, forest, forwarder, read_back, run_program, same_trees

PROGRAMS = Path(__file__).parent / "programs"


def nested(found):
    (trace,) = forest(found)
    same_trees(
        [trace],
        ["""
        handle trace
          handle workflow
            plan agent
              weather tool
              kb_search retriever
              ask_model llm
        """],
    )
    weather, llm, documents = trace.find("weather"), trace.find("ask_model"), trace.find("kb_search")
    check(json.loads(weather["input"]) == {"city": "Paris", "days": 3}, f"input of weather: {weather['input']}")
    check(json.loads(weather["output"])["sunny"] is True, f"output of weather: {weather['output']}")
    check(llm["output"]["content"] == "It is sunny in Paris.", f"output of ask_model: {llm['output']}")
    check(llm["metrics"]["num_input_tokens"] == 11 and llm["metrics"]["num_output_tokens"] == 7, f"metrics: {llm['metrics']}")
    check(llm["model"] == "small", f"model: {llm['model']}")
    check([d["content"] for d in documents["output"]] == ["Paris is sunny.", "Bring a hat."], f"documents: {documents['output']}")
    check(trace.find("plan")["agent_type"] == "planner", "agent_type is lost")
    # In batch mode the reference SDK leaves the output of a trace to its first span.
    outputs = [trace.record.get("output"), trace.find("handle")["output"]]
    check(any("sunny" in (output or "") for output in outputs), f"outputs of trace and workflow: {outputs}")


def parallel(found):
    branch = "branch workflow\n              measure tool"
    same_trees(
        forest(found),
        [f"""
        fan_out trace
          fan_out workflow
            {branch}
            {branch}
            {branch}
        """],
    )


def imperative(found):
    traces = forest(found)
    same_trees(
        traces,
        [
            """
        by_hand trace
          outer workflow
            helper agent
              chat llm
              weather tool
              kb retriever
        """,
            """
        left_open trace
          never_concluded workflow
            last tool
        """,
        ],
    )
    trace = traces[0]
    check(trace.record["user_metadata"] == {"tier": "gold"}, f"metadata of the trace: {trace.record['user_metadata']}")
    check(sorted(trace.record["tags"]) == ["t1", "t2"], f"tags of the trace: {trace.record['tags']}")
    check(trace.record["dataset_input"] == "in" and trace.record["dataset_output"] == "out", "the dataset fields are lost")
    check(trace.record["output"] == "trace out", f"output of the trace: {trace.record['output']}")
    chat, outer, weather = trace.find("chat"), trace.find("outer"), trace.find("weather")
    check(chat["output"]["tool_calls"][0]["function"]["name"] == "weather", f"tool calls: {chat['output']}")
    check(chat["metrics"]["time_to_first_token_ns"] == 400, f"metrics: {chat['metrics']}")
    check(outer["status_code"] == 503 and outer["output"] == "workflow out", f"outer: {outer['status_code']} {outer['output']}")
    check(outer["user_metadata"] == {"k": "v"}, f"metadata of outer: {outer['user_metadata']}")
    check(weather["tool_call_id"] == "call_1", "tool_call_id is lost")
    check(trace.find("kb")["output"][0]["metadata"] == {"source": "x"}, "the document's metadata is lost")
    check(traces[1].find("never_concluded")["output"] == "last words", "flush concluded with another output")


def sessions(found):
    names = {record["id"]: record for record in found["sessions"]}
    by_trace = {node.name: node.record["session_id"] for node in forest(found)}
    check(set(by_trace) == {"in_session", "outside", "turn"}, f"traces: {sorted(by_trace)}")
    check(by_trace["in_session"] == by_trace["turn"], "the session was not found again by its external id")
    check(by_trace["in_session"] in names, "the session is not among the sessions")
    # A trace without a session may be given one of its own, but never somebody else's.
    check(by_trace["outside"] != by_trace["turn"], "a cleared session still collects traces")
    external = [record for record in found["sessions"] if record.get("external_id") == "conversation-1"]
    check(len(external) == 1, f"sessions with the external id: {len(external)}")
    follow = [r for r in found["sessions"] if r.get("previous_session_id") == external[0]["id"]]
    check(len(follow) == 1, f"sessions that follow the first: {len(follow)}")


def failure(found):
    same_trees(
        forest(found),
        ["""
        careful trace
          careful workflow
            divide tool
        """],
    )


def odd_values(found):
    traces = forest(found)
    same_trees(
        traces,
        [
            """
        pictures trace
          naive_time llm
          dictionaries retriever
        """,
            """
        outer trace
          outer workflow
            odd tool
        """,
        ],
    )
    odd = next(node for node in traces if node.name == "outer").find("odd")
    check("Ünïcödé 🔭" in json.loads(odd["output"])["text"], f"text: {odd['output']}")
    naive = next(node for node in traces if node.name == "pictures").find("naive_time")
    check(naive["created_at"].startswith("2025-01-02T03:04:05.000006"), f"created_at: {naive['created_at']}")


def row(name, assertion, mode, ingest):
    """A program in one mode, with the ingest service or through the API."""

    def go(context):
        with context.console() as console:
            with forwarder(console.address) as (address, recording):
                extra = {} if ingest else {"GALILEO_INGEST_BETA_DISABLED": "1"}
                run_program([sys.executable, PROGRAMS / f"{name}.py"], environment(address, GALILEO_MODE=mode, **extra))
                check(any(e.path.startswith("/ingest/") for e in recording.exchanges) == ingest, "the ingest service was not used as the row says")
                check(not recording.refused(ingest), f"not answered with success: {recording.refused(ingest)}")
                check(not recording.repeated(), f"created twice: {recording.repeated()}")
            assertion(read_back(console.address))

    return (f"python-alone/{name}/{mode}/{'ingest' if ingest else 'api'}", go, False)


ROWS = [
    row(assertion.__name__, assertion, mode, ingest)
    for assertion in (nested, parallel, imperative, sessions, failure, odd_values)
    for mode in ("batch", "distributed")
    for ingest in (True, False)
]
