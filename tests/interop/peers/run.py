"""Runs the rows of the peers' lane: other people's programs, installed by name, against this repository's. Started by `cargo xtask peers`."""

import argparse
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import langsmith_rows  # noqa: E402
import mlflow_row  # noqa: E402
import otel_row  # noqa: E402
import phoenix_row  # noqa: E402
import promptfoo_row  # noqa: E402
import rotel_row  # noqa: E402
from harness import ROOT, Failed  # noqa: E402
from install import Peers  # noqa: E402

# Each row is (name, function of the peers, whether CI runs it for every change).
ROWS = [*promptfoo_row.ROWS, *langsmith_rows.ROWS, *otel_row.ROWS, *rotel_row.ROWS, *phoenix_row.ROWS, *mlflow_row.ROWS]
DOCUMENT = ROOT / "docs/integrations.md"
BEGIN, END = "<!-- peers: begin, written by `cargo xtask peers --record` -->", "<!-- peers: end -->"


def one(row, peers):
    """The sentence that says what was proven, and what was wrong; one of the two is None."""
    name, go, _ = row
    try:
        return go(peers), None
    except Failed as error:
        return None, str(error)
    except Exception:  # a row that breaks is a row that fails, and the others still run
        return None, traceback.format_exc()


def record(lines):
    """Replaces the rows of these peers in the document; rows that did not run stay as they are."""
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    rows = {line.split("|")[1].strip(): line for line in old.strip().splitlines()[2:]}
    rows.update({line.split("|")[1].strip(): line for line in lines})
    table = ["| row | peer and version | what was proven |", "| --- | --- | --- |", *rows.values()]
    DOCUMENT.write_text(before + BEGIN + "\n" + "\n".join(table) + "\n" + END + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--row", action="append", default=[])
    parser.add_argument("--quick", action="store_true", help="only the rows that CI runs")
    parser.add_argument("--record", action="store_true", help="write what was proven to docs/integrations.md")
    options = parser.parse_args()
    chosen = [row for row in ROWS if (not options.row or any(text in row[0] for text in options.row)) and (row[2] or not options.quick)]
    if not chosen:
        sys.exit(f"no row matches {options.row}")

    peers = Peers(options.bin_dir.resolve(), ROOT / ".interop/peers")
    failed, lines = [], []
    for row in chosen:
        started = time.monotonic()
        proven, problem = one(row, peers)
        print(f"{'FAILED' if problem else 'ok':6} {row[0]} ({time.monotonic() - started:.1f} s)", flush=True)
        if problem:
            failed.append(row[0])
            print("       " + problem.strip().replace("\n", "\n       "), flush=True)
        else:
            lines.append(f"| {row[0]} | {peers.version(row[0])} | {proven} |")
    if options.record:
        record(lines)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} rows hold" + (f"; failed: {', '.join(failed)}" if failed else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
