"""Runs the rows of the cross-language lane and says for each whether it holds. Started by `cargo xtask interop`."""

import argparse
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import rows_alone
import rows_services
import rows_stub
from harness import ROOT, Failed, Server

EXAMPLES = ROOT / "examples/python"
# Each row is (name, function of the context, whether it needs the shared folder).
ROWS = [*rows_alone.ROWS, *rows_services.ROWS, *rows_stub.ROWS]
# Starting Python is most of a row's time; two at once is what a small machine carries.
AT_ONCE = 2


@dataclass
class Context:
    """Where the programs are that a row starts."""

    bin_dir: Path
    shared: Path | None

    def console(self):
        """A console of the row's own, with an empty database."""
        return Server("console", [self.bin_dir / "galileo-console", "serve", "--listen", "127.0.0.1:0", "--db", ":memory:"], by_signal=True)

    def rust_service(self, role, env, *arguments):
        """`quickstart retrieval` or `quickstart orchestrator` in a process of its own."""
        return Server(role, [self.bin_dir / "quickstart", role, "--until-stdin-closes", *arguments], env)

    def python_service(self, role, env):
        """The same service in Python."""
        return Server(role, [sys.executable, EXAMPLES / f"{role}.py"], env, by_signal=True)


def one(row, context):
    name, go, needs_shared = row
    started = time.monotonic()
    if needs_shared and (context.shared is None or not (context.shared / "tools/galileo_stub.py").is_file()):
        return name, f"tools/galileo_stub.py is not in `{context.shared}`; pass --shared, or --without-shared to leave these rows out", 0
    try:
        go(context)
        problem = None
    except Failed as error:
        problem = str(error)
    except Exception:  # a row that breaks is a row that fails, and the others still run
        problem = traceback.format_exc()
    return name, problem, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--without-shared", action="store_true")
    parser.add_argument("--row", action="append", default=[])
    options = parser.parse_args()
    context = Context(options.bin_dir.resolve(), options.shared and options.shared.resolve())

    wanted = [row for row in ROWS if not options.row or any(text in row[0] for text in options.row)]
    left_out = [name for name, _, needs_shared in wanted if needs_shared and options.without_shared]
    chosen = [row for row in wanted if row[0] not in left_out]
    if not chosen:
        sys.exit(f"no row matches {options.row}")

    failed = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, problem, seconds in pool.map(lambda row: one(row, context), chosen):
            print(f"{'FAILED' if problem else 'ok':6} {name} ({seconds:.1f} s)", flush=True)
            if problem:
                failed.append(name)
                print("       " + problem.strip().replace("\n", "\n       "), flush=True)
    for name in left_out:
        print(f"NOT RUN {name}: needs the shared folder", flush=True)
    print(f"\n{len(chosen) - len(failed)} of {len(chosen)} rows hold, {len(left_out)} were not run", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
