"""Damage done to a store's files, in processes of their own: DuckDB may not survive it."""

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
from store_children import by_key, window_at
from store_filings import enriched

import blocks.store_ledger as ledger
import blocks.store_sql as sql
from blocks.errors import StoreError
from blocks.store_duckdb import DuckDbWindow

CLAIMED = range(1, 61)
RECORDED = 30  # of them
LATER = (range(101, 111), range(111, 121), range(121, 131))  # claimed in commits of their own


def fill(url: str) -> None:
    claimed = by_key(*CLAIMED)
    with ledger.opened(window_at(url), writes=True) as transaction:
        ledger.claim(transaction, claimed, ledger.Terms("filling", lease_s=3600))
    ended = dict(zip(list(claimed)[:RECORDED], map(enriched, CLAIMED), strict=False))
    with ledger.opened(window_at(url), writes=True) as transaction:
        ledger.record(transaction, ended, {}, owner="filling", max_attempts=3)


def content(url: str) -> str:
    """All that a run would read."""
    keys = list(by_key(*CLAIMED))
    with ledger.opened(window_at(url), writes=False) as transaction:
        statements = ((sql.STATE, keys, None), (sql.OUTCOMES, None), (sql.ANSWERS, keys))
        return repr([transaction.rows(*statement) for statement in statements])


def claim_more(url: str) -> str:
    """What a run would write: twenty filings that nobody knows."""
    with ledger.opened(window_at(url), writes=True) as transaction:
        claim = ledger.claim(
            transaction, by_key(*range(201, 221)), ledger.Terms("more", lease_s=60)
        )
    return f"{len(claim.granted)} granted"


def log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")


def die_with_a_log(url: str) -> None:
    """Fill it, then commit several times and end before any of that is folded into the file."""
    fill(url)
    window = window_at(url)
    assert isinstance(window, DuckDbWindow)
    attach = window._attached
    is_open: list[duckdb.DuckDBPyConnection] = []

    def attached() -> duckdb.DuckDBPyConnection:
        if not is_open:
            is_open.append(attach())
        is_open[0].execute("USE store")
        return is_open[0]

    def stay_open(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("USE memory")

    window._attached = attached  # type: ignore[method-assign]  # no commit is folded in
    window._detach = stay_open  # type: ignore[method-assign]
    for numbers in LATER:
        with ledger.opened(window, writes=True) as transaction:
            ledger.claim(transaction, by_key(*numbers), ledger.Terms("dying", lease_s=3600))
    os._exit(0)


def damaged_at_random(dice: random.Random, whole: bytes) -> tuple[str, bytes]:
    """How, and the result. Half of it befalls the headers."""
    at = dice.randrange(min(dice.choice((12_288, len(whole))), len(whole)))
    length = dice.choice((0, 1, 16, 512))
    if length:
        noise = dice.randbytes(length)
        return f"noise {at} {length}", whole[:at] + noise + whole[at + length :]
    if dice.random() < 0.2:
        return f"cut {at}", whole[:at]
    flipped = bytes([whole[at] ^ 1 << dice.randrange(8)])
    return f"flip {at}", whole[:at] + flipped + whole[at + 1 :]


def damage_the_file(url: str, seed: str, times: int) -> None:
    """Damage the file again and again, and say what reading and writing it then came to."""
    file, whole, log, expected = _as_it_was(url)
    _damage(
        file,
        lambda dice: (*damaged_at_random(dice, whole), log),
        {"read": lambda: "right" if content(url) == expected else "wrong"}
        | {"write": lambda: "right" if claim_more(url) == "20 granted" else "wrong"},
        seed,
        times,
    )


def damage_the_log(url: str, seed: str, times: int) -> None:
    """Likewise the log of commits; of one that was cut the commits before the cut are there."""
    file, whole, log, expected = _as_it_was(url)

    def later() -> str:
        keys = list(by_key(*(number for numbers in LATER for number in numbers)))
        with ledger.opened(window_at(url), writes=False) as transaction:
            held = len(transaction.rows(sql.STATE, keys, None))
        is_right = content(url) == expected
        return "right" if is_right and held in {0, 10, 20, 30} else f"wrong: {held}"

    def damaged(dice: random.Random) -> tuple[str, bytes, bytes | None]:
        how, changed = damaged_at_random(dice, log)
        return how, whole, changed

    _damage(file, damaged, {"read": later}, seed, times)


def _as_it_was(url: str) -> tuple[Path, bytes, bytes, str]:
    """File, its content, its log's, and what is read from both."""
    file = Path(url.removeprefix("duckdb:///"))
    whole, log = file.read_bytes(), log_of(file).read_bytes()
    return file, whole, log, content(url)


def _damage(
    file: Path,
    damaged: Callable[[random.Random], tuple[str, bytes, bytes | None]],
    uses: dict[str, Callable[[], str]],
    seed: str,
    times: int,
) -> None:
    dice = random.Random(seed)  # noqa: S311 - to be had again by its seed
    for _ in range(times):
        how, content_of_file, content_of_log = damaged(dice)
        for use, of in uses.items():
            _put(file, content_of_file)
            _put(log_of(file), content_of_log)
            _say(f"{how}: {use}")  # before it is done: the last line tells what was fatal
            try:
                came_to = of()
            except StoreError as error:
                came_to = "refused" if str(file) in str(error) else f"without its name: {error}"
                if (file.read_bytes(), _get(log_of(file))) != (content_of_file, content_of_log):
                    came_to = "refused, and written"
            except duckdb.Error as error:
                came_to = f"raw: {error!r}"
            _say(f" {came_to}\n")


def _put(file: Path, content: bytes | None) -> None:
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_bytes(content)


def _get(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def _say(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()
