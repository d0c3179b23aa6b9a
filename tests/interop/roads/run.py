"""Headers between this SDK and the packages of others, both ways. Started by `cargo xtask roads`."""

import argparse
import json
import sys
import traceback
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import Failed, Server, check, environment  # noqa: E402

ALL = "galileo,tracecontext,baggage,langsmith"
TRACE, SPAN = "8e69c645-b678-45e1-9c61-dcbed822f9db", "0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d"
RUN = "20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d"


def ask(address, headers=None, **body):
    """POSTs JSON and returns the JSON that comes back; any status but 200 fails the row."""
    request = urllib.request.Request(address, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise Failed(f"{address} answered {error.code}: {error.read()[:2000]}") from None


def equal(actual, expected, what):
    check(actual == expected, f"{what}\nexpected {expected!r}\ngot      {actual!r}")


def segments(order):
    return [part[22:] for part in order.split(".")]


class Services:
    """The programs, each started when a row first wants it."""

    def __init__(self, stack, options):
        self.stack, self.options, self.started = stack, options, {}

    def _start(self, name, command, env, by_signal=False):
        if name not in self.started:
            self.started[name] = self.stack.enter_context(Server(name, command, env, by_signal))
        return self.started[name].address

    @property
    def rust(self):
        return self._start("rust", [self.options.bin_dir / "roads_service"], environment("http://127.0.0.1:1", GALILEO_PROPAGATORS=ALL))

    @property
    def console(self):
        return self._start(
            "console", [self.options.bin_dir / "galileo-console", "serve", "--listen", "127.0.0.1:0", "--db", ":memory:"], environment("http://127.0.0.1:1"), True
        )

    @property
    def galileo(self):
        env = environment(self.console, GALILEO_MODE="distributed")
        return self._start("galileo", [sys.executable, HERE / "galileo_service.py"], env, True)

    @property
    def langsmith(self):
        env = environment("http://127.0.0.1:1", LANGSMITH_TRACING="false")
        return self._start("langsmith", [sys.executable, HERE / "langsmith_service.py"], env, True)

    @property
    def express(self):
        env = environment("http://127.0.0.1:1", LANGSMITH_TRACING="false", NODE_PATH=self.options.node_modules)
        return self._start("express", ["node", self.options.node_modules.parent / "langsmith_service.mjs"], env)


def rust_to_galileo(services):
    """The reference middleware continues the span that our headers name."""
    answer = ask(f"{services.rust}/call", url=f"{services.galileo}/echo")
    equal(answer["answer"]["body"]["read"], {"trace": answer["here"]["trace"], "parent": answer["here"]["span"]}, "what the reference SDK read")


def galileo_to_rust(services):
    """We read the headers that the reference SDK makes."""
    answer = ask(f"{services.galileo}/call", url=f"{services.rust}/echo")
    sent, read = answer["sent"], answer["answer"]["read"]
    equal(read["galileo"], {"trace": sent["X-Galileo-Trace-ID"], "parent": sent["X-Galileo-Parent-ID"]}, "what we read")
    equal(answer["answer"]["here"]["trace"], sent["X-Galileo-Trace-ID"], "the trace of our span")


def galileo_through_rust_to_galileo(services):
    """A trace that came from the reference SDK's form of headers leaves in it, one span deeper."""
    headers = {"X-Galileo-Trace-ID": TRACE.upper(), "X-Galileo-Parent-ID": "{" + SPAN + "}"}
    answer = ask(f"{services.rust}/call", headers, url=f"{services.galileo}/echo")
    equal(answer["answer"]["body"]["read"], {"trace": TRACE, "parent": answer["here"]["span"]}, "what the reference SDK read")


def hostile_headers_are_no_parent(services):
    """What breaks the reference middlewares with a 500 does not break ours."""
    for name, value in [("X-Galileo-Trace-ID", "nope"), ("X-Galileo-Parent-ID", SPAN), ("langsmith-trace", "x"), ("baggage", "%%%,=;"), ("traceparent", "00")]:
        answer = ask(f"{services.rust}/echo", {name: value})
        equal(answer["read"]["rejected"], 1, f"{name}: {value} is refused once")
        check(answer["here"]["trace"], f"{name}: {value} leaves the request a trace of its own")


def read_by_langsmith(services, address):
    """LangSmith's package reads every open run, and tags, metadata and project, from our headers."""
    baggage = "langsmith-metadata=%7B%22user%22%3A%22ann%22%7D,langsmith-tags=a%2Cb,langsmith-project=my%20project,tenant=acme"
    answer = ask(f"{services.rust}/call", {"langsmith-trace": RUN, "baggage": baggage}, url=f"{address}/echo")
    sent, read = answer["sent"], answer["answer"]["body"]["read"]
    equal(read["dotted_order"], sent["langsmith-trace"], "the dotted order")
    check(read["dotted_order"].startswith(RUN + "."), f"it continues the received one: {read['dotted_order']}")
    equal(len(segments(read["dotted_order"])), 3, "the caller's run, our server span, our own span")
    equal(read["trace"], RUN[22:], "the trace")
    equal(read["run"], answer["here"]["span"], "the parent run is our span")
    equal(sorted(read["tags"]), ["a", "b"], "tags")
    equal(read["metadata"].get("user"), "ann", "metadata")
    equal(read["project"], "my project", "project")
    headers = answer["answer"]["body"]["headers"]
    check("tenant=acme" in headers["baggage"], f"the application's baggage is there: {headers['baggage']}")
    check("traceparent" in headers and "x-galileo-trace-id" in headers, "and the other formats beside it")


def root_read_by_langsmith(services, address):
    """Without a LangSmith caller our trace is the root run."""
    answer = ask(f"{services.rust}/call", url=f"{address}/echo")
    read = answer["answer"]["body"]["read"]
    equal(read["trace"], answer["here"]["trace"], "the root run")
    equal(read["run"], answer["here"]["span"], "the parent run")


def langsmith_to_rust(services, address):
    """We read what LangSmith's package writes, and it reads what we pass on, one run deeper each."""
    answer = ask(f"{address}/call", {"langsmith-trace": RUN, "baggage": "langsmith-tags=x"}, url=f"{services.rust}/echo")
    here, echoed = answer["here"], answer["answer"]
    read = echoed["read"]["langsmith"]
    equal(read["dotted_order"], here["dotted_order"], "the dotted order")
    equal(echoed["read"]["rejected"], 0, "nothing is refused")
    check(set(here.get("tags") or []) <= set(read["tags"]), f"tags of {here} in {read}")
    for key, value in here["metadata"].items():
        equal(read["metadata"].get(key), value, f"metadata {key}")
    # The received trace id with version and variant of a random UUID.
    equal(echoed["here"]["trace"], "01a1fa75-565d-4cff-8c50-405353df141d", "the trace on Galileo's side")
    equal(segments(echoed["sent"]["langsmith-trace"])[:-1], segments(here["dotted_order"]), "what goes on continues it")


def three_in_a_row(services, address):
    """LangSmith, this SDK, LangSmith: one tree of runs."""
    url = f"{services.rust}/call"
    headers = {"langsmith-trace": RUN}
    first = ask(url, headers, url=f"{address}/echo")
    order = first["answer"]["body"]["read"]["dotted_order"]
    second = ask(url, {"langsmith-trace": order}, url=f"{address}/echo")
    deeper = second["answer"]["body"]["read"]["dotted_order"]
    check(deeper.startswith(order + "."), f"{deeper} continues {order}")
    equal(second["answer"]["body"]["read"]["trace"], RUN[22:], "the trace stays")


def rows(services):
    yield "galileo (Python) reads our headers", lambda: rust_to_galileo(services)
    yield "we read galileo's (Python)", lambda: galileo_to_rust(services)
    yield "galileo's headers through us to galileo", lambda: galileo_through_rust_to_galileo(services)
    yield "hostile headers", lambda: hostile_headers_are_no_parent(services)
    for package, address in [("langsmith (Python)", lambda: services.langsmith), ("langsmith (npm, Express)", lambda: services.express)]:
        yield f"{package} reads our headers", lambda at=address: read_by_langsmith(services, at())
        yield f"{package} reads a trace that began here", lambda at=address: root_read_by_langsmith(services, at())
        yield f"we read {package}'s", lambda at=address: langsmith_to_rust(services, at())
        yield f"{package}, we, {package}", lambda at=address: three_in_a_row(services, at())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--node-modules", type=Path, required=True)
    parser.add_argument("--row", action="append", default=[])
    options = parser.parse_args()
    failed = count = 0
    with ExitStack() as stack:
        for name, go in rows(Services(stack, options)):
            if options.row and not any(text in name for text in options.row):
                continue
            count += 1
            problem = None
            try:
                go()
            except Failed as error:
                problem = str(error)
            except Exception:  # a row that breaks is a row that fails, and the others still run
                problem = traceback.format_exc()
            print(f"{'FAILED' if problem else 'ok':6} {name}", flush=True)
            if problem:
                failed += 1
                print("       " + problem.strip().replace("\n", "\n       "), flush=True)
    print(f"\n{count - failed} of {count} rows hold", flush=True)
    sys.exit(1 if failed or not count else 0)


if __name__ == "__main__":
    main()
