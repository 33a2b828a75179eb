"""`make bench`: measure what the savings are worth, and print it as tables."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import cached_answers, cycle, excerpts, lookup, price_filter, same_text
from benchmarks.house import prefect_server
from benchmarks.tables import Table, show

Benchmark = Callable[[Path], Iterable[Table]]
ALONE: Final[dict[str, Benchmark]] = {
    "lookup": lookup.tables,
    "price-filter": price_filter.tables,
    "excerpts": excerpts.tables,
    "same-text": same_text.tables,
}
ON_A_SERVER: Final[dict[str, Benchmark]] = {
    "cycle": cycle.tables,
    "cached-answers": cached_answers.tables,
}


def main() -> int:
    """Run all benchmarks, or the one that is asked for."""
    only = _arguments().only
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as closing:
        folder = Path(temporary)
        _run(_chosen(ALONE, only), folder)
        served = _chosen(ON_A_SERVER, only)
        if served:
            closing.enter_context(prefect_server(folder / "server"))
        _run(served, folder)
    return 0


def _chosen(benchmarks: dict[str, Benchmark], only: str | None) -> dict[str, Benchmark]:
    return {name: one for name, one in benchmarks.items() if only in {None, name}}


def _run(benchmarks: dict[str, Benchmark], folder: Path) -> None:
    for name, benchmark in benchmarks.items():
        room = folder / name
        room.mkdir()
        show(benchmark(room))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*ALONE, *ON_A_SERVER]
    parser.add_argument("--only", choices=names, help="run this benchmark alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
