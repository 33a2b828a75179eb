"""`make demo`: the whole job on the bundled market day, from feed to analyses.

Real server, real worker, both deployments; only sec.gov and the model endpoint
are stand-ins, on loopback. Ends by itself. With ``--ui`` it instead opens the
Prefect UI on what the last demo left.
"""

import argparse
import shutil
import socket
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from flows.stack import Stack
from sandbox.market_day import bundled_day
from sandbox.model import StandInModel
from sandbox.prefect_api import PrefectApi
from sandbox.sec import StandInSec

STATE: Final = Path(".state/demo")
WIDTH: Final = 80
RSS, BATCH = "sec_filings/rss", "sec_filings/batch"
SHOWN_STAGES: Final = (
    "fetched",
    "known",
    "rejected by price",
    "from cache",
    "enriched",
    "failed",
)


class Demo:
    """One demonstration: what it started, and what it was told."""

    def __init__(
        self, stack: Stack, api: PrefectApi, sec: StandInSec, model: StandInModel
    ) -> None:
        self.stack, self.api, self.sec, self.model = stack, api, sec, model
        self.funnels: list[tuple[str, dict[str, int], int]] = []
        self.analyses: list[dict[str, Any]] = []
        self.certificate = ""

    def run(self, title: str, deployment: str, **parameters: object) -> None:
        """Start a deployment as a person would, wait, and keep its funnel and analyses."""
        calls_before = self.model.paid_calls.total()
        began = time.monotonic()
        run_id = self.api.start(deployment, parameters)
        run = self.api.wait(run_id)
        took_s = time.monotonic() - began
        artifacts = self.api.artifacts(run_id)
        calls = self.model.paid_calls.total() - calls_before
        say(f"  {title:<34} {run['state_name']:<10} {calls:>3} paid calls {took_s:6.1f} s")
        source = deployment.removeprefix("sec_filings/")
        self.funnels.append((title, stages(artifacts[f"funnel-{source}"]), calls))
        self.analyses += artifacts.get(f"analyses-{source}", [])


def main() -> int:
    """Run the demo, or show what the last one left."""
    arguments = _arguments()
    if arguments.ui:
        return show_ui(arguments.port)
    shutil.rmtree(STATE, ignore_errors=True)
    with stand_ins() as (sec, model):
        say("Stand-ins for sec.gov and the model are up. Starting Prefect ...")
        with Stack(STATE, free_port(), seeds(sec, model)) as stack:
            stack.start_server()
            stack.run("flows.setup")
            with PrefectApi(stack.api_url) as api:
                for deployment in (RSS, BATCH):
                    api.pause(deployment)  # the demo starts its runs itself
                stack.start_worker()
                demo = Demo(stack, api, sec, model)
                say(f"Prefect UI while the demo runs: {stack.ui_url}\n")
                play(demo)
    conclude(demo)
    return 0


def play(demo: Demo) -> None:
    """Two polls of the feed, the nightly batch, and both again."""
    day = bundled_day()
    say(f"The market day: {day.day}, {len(day.filings)} filings of fictional companies\n")
    date = day.day.isoformat()
    demo.sec.now = day.closes_at - timedelta(hours=3)
    demo.run("1. rss, at 13:00 Eastern", RSS, polls=1)
    demo.sec.now = day.closes_at + timedelta(hours=2)
    demo.run("2. rss, at 18:00 Eastern", RSS, polls=1)
    demo.sec.now = day.closes_at + timedelta(hours=6, minutes=30)
    demo.run("3. batch, at 22:30 Eastern", BATCH, start_date=date)
    demo.run("4. batch over the same day again", BATCH, start_date=date)
    demo.run("5. rss again, six looks", RSS, poll_every_s=0)
    demo.certificate = str(demo.api.get(f"/artifacts/certificate-{date}/latest")["description"])


def conclude(demo: Demo) -> None:
    """Print the funnels, the analyses, and what was not paid again."""
    say("\nFunnel of each run (filings)\n")
    header = ("run", *(stage.removesuffix(" by price") for stage in SHOWN_STAGES), "calls")
    rows = [
        (title.split(",")[0].split(" over")[0], *(counts.get(s, 0) for s in SHOWN_STAGES), calls)
        for title, counts, calls in demo.funnels
    ]
    print_table(header, rows)
    say("\nCertificate of the day\n")
    say(textwrap.fill(demo.certificate, WIDTH, initial_indent="  ", subsequent_indent="  "))
    say("\nAnalyses, strongest first (fictional companies)\n")
    for row in sorted(demo.analyses, key=lambda one: -abs(one["sentiment"]))[:12]:
        print_analysis(row)
    more = len(demo.analyses) - 12
    say(f"  ... and {more} more, in the UI and in the store\n" if more > 0 else "")
    paid, distinct = demo.model.paid_calls.total(), len(demo.model.paid_calls)
    again = sum(calls for _, _, calls in demo.funnels[3:])
    looked_at = sum(counts.get("fetched", 0) for _, counts, _ in demo.funnels)
    say(
        f"The five runs looked at {looked_at} filings. The model endpoint was paid {paid} times,\n"
        f"for {distinct} distinct filings; the last two runs paid {again} times.\n\n"
        f"The demo has ended and stopped what it started. `make demo-ui` opens its runs in\n"
        f"the Prefect UI at http://127.0.0.1:4200; `make up` is the one that stays."
    )


def show_ui(port: int) -> int:
    """Serve the UI on the last demo's runs until Ctrl-C."""
    if not STATE.is_dir():
        print("There is no demo to look at yet: run `make demo` first.", file=sys.stderr)
        return 1
    with Stack(STATE, port) as stack:
        stack.start_server()
        say(f"The demo's runs: {stack.ui_url}/runs  (Ctrl-C ends)")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


@contextmanager
def stand_ins() -> Iterator[tuple[StandInSec, StandInModel]]:
    """A stand-in sec.gov on the bundled day, and a model that takes 0.3 s to answer."""
    with StandInSec(bundled_day()) as sec, StandInModel(latency_s=0.3) as model:
        yield sec, model


def seeds(sec: StandInSec, model: StandInModel) -> dict[str, str]:
    """The environment that points the blocks at the stand-ins, switches at their defaults."""
    return {
        "SEC_USER_AGENT": "Make Demo demo@example.com",
        "SEC_BASE_URL": sec.url,
        "SEC_PRICES": f"{sec.url}/prices.csv",
        "OPENAI_API_KEY": "no-key-needed-by-the-stand-in",
        "OPENAI_BASE_URL": model.url,
        "SEC_LLM_PRICES_OF": "openai",
    }


def stages(markdown: str) -> dict[str, int]:
    """Read the stage counts out of a funnel artifact; repeated stages add up."""
    counts: dict[str, int] = {}
    for line in markdown.splitlines():
        cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
        if len(cells) > 1 and cells[1].isdecimal():
            counts[cells[0]] = counts.get(cells[0], 0) + int(cells[1])
    return counts


def print_table(header: Sequence[object], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, first column left, the others right."""
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    for line in lines:
        first, *others = (
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        say("  " + "  ".join((first, *others)))


def print_analysis(row: dict[str, Any]) -> None:
    """Print one analysis on two lines that fit an 80-column terminal."""
    price = f"${row['price_usd']:.2f}" if row["price_usd"] else "?"
    head = f"{row['ticker'] or '-':<7}{price:>7}  {row['form']:<13}{row['sentiment']:+5.2f}"
    say(_clip(f"  {head}  {row['catalysts'].replace('_', ' ')}"))
    say(_clip(f"          {row['summary']}"))


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def _clip(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ui", action="store_true", help="open the UI on the last demo")
    parser.add_argument("--port", type=int, default=4200, help="port of the UI")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
