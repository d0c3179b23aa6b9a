"""The two-service RAG with one service in Rust and one with the reference SDK: one trace, right parents, both directions."""

import json
import sys
import urllib.request

from harness import ROOT, check, environment, forest, forwarder, read_back, run_program, same_trees

QUESTION = "How are commits written?"


def ask(address, question):
    """Asks a Rust orchestrator."""
    body = json.dumps({"question": question}).encode()
    request = urllib.request.Request(address + "/ask", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def distributed(address, name):
    return environment(address, GALILEO_MODE="distributed", GALILEO_SERVICE_NAME=name)


def answered(recording):
    # Rust does not probe in vain and the reference SDK's creates may overtake each other; the console accepts any order.
    check(not recording.refused(ingest=True), f"not answered with success: {recording.refused(ingest=True)}")
    check(not recording.repeated(), f"created twice: {recording.repeated()}")


def completes_last(recording):
    """The trace was completed once, after everything else of it had been answered."""
    completes = [e for e in recording.exchanges if e.method == "PATCH" and "/traces/" in e.path and e.body.get("is_complete")]
    check(len(completes) == 1, f"the trace was completed {len(completes)} times")
    late = [f"{e.method} {e.path}" for e in recording.exchanges if e.method in ("POST", "PATCH") and e.answered > completes[0].arrived and e is not completes[0]]
    check(not late, f"still under way when the trace was completed: {late}")


def python_below_rust(context):
    with context.console() as console:
        with forwarder(console.address) as (address, recording):
            with context.python_service("retrieval", distributed(address, "retrieval")) as retrieval:
                with context.rust_service("orchestrator", distributed(address, "orchestrator"), "--retrieval", retrieval.address) as orchestrator:
                    reply = ask(orchestrator.address, QUESTION)
                    check(reply["answer"].strip(), "the answer is empty")
                    check(orchestrator.stop() == 0, f"the orchestrator failed:\n{orchestrator.output()}")
            answered(recording)
            completes_last(recording)
        found = forest(read_back(console.address))
        same_trees(
            found,
            ["""
            answer_question trace
              answer_question workflow
                research agent
                  search_passages tool
                    retrieve workflow
                      search_index retriever
                extract_answer tool
            """],
        )
        check(found[0].record["id"] == reply["trace_id"], f"the trace is {found[0].record['id']}, the answer names {reply['trace_id']}")
        check(found[0].find("search_index")["output"], "the retriever of the Python service has no documents")


def rust_below_python(context):
    with context.console() as console:
        with forwarder(console.address) as (address, recording):
            with context.rust_service("retrieval", distributed(address, "retrieval")) as retrieval:
                command = [sys.executable, ROOT / "examples/python/orchestrator.py", "--retrieval", retrieval.address, QUESTION]
                reply = json.loads(run_program(command, distributed(address, "orchestrator")))
                check(reply["answer"].strip(), "the answer is empty")
                check(retrieval.stop() == 0, f"the retrieval service failed:\n{retrieval.output()}")
            answered(recording)
        found = forest(read_back(console.address))
        same_trees(
            found,
            ["""
            answer_question trace
              answer_question workflow
                search_passages workflow
                  retrieve workflow
                    search_index retriever
                extract_answer tool
            """],
        )
        search = found[0].find("search_index")
        check(search["output"] and search["output"][0]["metadata"]["path"], f"documents of the Rust service: {search['output']}")


def rust_below_rust(context):
    with context.console() as console:
        with forwarder(console.address) as (address, recording):
            with context.rust_service("retrieval", distributed(address, "retrieval")) as retrieval:
                with context.rust_service("orchestrator", distributed(address, "orchestrator"), "--retrieval", retrieval.address) as orchestrator:
                    ask(orchestrator.address, QUESTION)
                    check(orchestrator.stop() == 0, f"the orchestrator failed:\n{orchestrator.output()}")
                check(retrieval.stop() == 0, f"the retrieval service failed:\n{retrieval.output()}")
            answered(recording)
            completes_last(recording)
        same_trees(
            forest(read_back(console.address)),
            ["""
            answer_question trace
              answer_question workflow
                research agent
                  search_passages tool
                    retrieve workflow
                      search_index retriever
                extract_answer tool
            """],
        )


ROWS = [(f"services/{go.__name__}", go, False) for go in (python_below_rust, rust_below_python, rust_below_rust)]
