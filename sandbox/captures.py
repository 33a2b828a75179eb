"""Serves a folder of bodies captured from sec.gov (``../shared/edgar``) as sec.gov would."""

import html
import random
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from blocks.models import Party
from sandbox import sec_pages
from sandbox.dissemination import EASTERN
from sandbox.loopback import Request, Response
from sandbox.paths import FEED, SUBMISSION, TICKERS
from sandbox.revalidation import last_modified
from sandbox.stories import all_stories
from sandbox.submission import render_submission

_ATOM = {"Content-Type": "application/atom+xml"}
_ENTRY = re.compile(rb"<entry>\n.*?</entry>\n", re.DOTALL)
_TITLE = re.compile(r"<title>(.*) - (.*) \((\d{10})\) \(([^()]*)\)</title>")
_UPDATED = re.compile(r"<updated>(.*)</updated>")
_TERM = re.compile(rb'term="([^"]*)"')
_ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}")


@dataclass(frozen=True)
class _Listed:
    """What a feed or index tells of an accession."""

    form: str
    party: Party
    accepted_at: datetime


class CapturedFolder:
    """A folder laid out as its README says: feeds, indexes, filings, tickers, errors.

    Args:
        folder: Where the captures are.
        sweep: The folder under ``feeds`` that the feed is first served from.
        fill_missing: Serve a small invented submission for every accession
            that a feed or index lists and that was not captured; else 404.
    """

    def __init__(
        self,
        folder: Path | str,
        sweep: str = "sweep_20251212T180234_all",
        *,
        fill_missing: bool = False,
    ) -> None:
        self._folder = Path(folder)
        self._fill_missing = fill_missing
        self.show(sweep)

    def show(self, sweep: str) -> None:
        """Serve the feed from another sweep, which is another moment, from now on."""
        pages = sorted((self._folder / "feeds" / sweep).glob("start_*.xml"))
        if not pages:
            raise FileNotFoundError(f"no sweep {sweep} under {self._folder / 'feeds'}")
        bodies = [page.read_bytes() for page in pages]
        self._sweep = sweep
        self._head = bodies[0].partition(b"<entry>")[0]
        self._entries = [entry for body in bodies for entry in _ENTRY.findall(body)]

    def answer(self, request: Request, now: datetime) -> Response:
        """Answer as captured; ``now`` is not used, the sweep is the moment."""
        del now
        path = request.path
        if path == FEED:
            return self._feed(request.query)
        if path == TICKERS:
            tickers = self._folder / "tickers" / "company_tickers_2025-12.json"
            return _dated(tickers, {"Content-Type": "application/json"})
        if "-index/" in path:
            index = self._folder / "indexes" / Path(path).name
            return _dated(index, {}) if index.is_file() else sec_pages.access_denied()
        return self._submission(path)

    @cached_property
    def submissions(self) -> dict[str, Path]:
        """The captured submission text files by accession number."""
        files = (self._folder / "filings").glob("*.txt")
        return {_ACCESSION.findall(file.name)[-1]: file for file in files}

    def _feed(self, query: dict[str, str]) -> Response:
        start, count = int(query.get("start") or 0), min(int(query.get("count") or 40), 100)
        prefix = query.get("type", "").encode()
        captured = self._folder / "feeds" / self._sweep / f"start_{start:04d}.xml"
        if not prefix and count == 100 and captured.is_file():  # noqa: PLR2004  (as captured)
            return Response(captured.read_bytes(), headers=_ATOM)
        entries = [entry for entry in self._entries if _form(entry).startswith(prefix)]
        page = entries[start : start + count]
        if not page and not prefix:
            return sec_pages.unavailable()
        return Response(b"".join([self._head, *page, b"</feed>\n"]), headers=_ATOM)

    def _submission(self, path: str) -> Response:
        wanted = SUBMISSION.fullmatch(path)
        accession = wanted["accession"] if wanted else ""
        if accession in self.submissions:
            return Response(self.submissions[accession].read_bytes())
        if self._fill_missing and accession in self._listed:
            return Response(_invented(accession, self._listed[accession]))
        return sec_pages.no_such_key(path.removeprefix("/Archives/"))

    @cached_property
    def _listed(self) -> dict[str, _Listed]:
        listed = {}
        for index in (self._folder / "indexes").glob("master.*.idx"):
            listed.update(_rows(index.read_text("latin-1")))
        for page in (self._folder / "feeds").glob("*/start_*.xml"):
            listed.update(_entries_listed(page.read_bytes()))
        return listed


def _dated(file: Path, headers: dict[str, str]) -> Response:
    written_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return Response(file.read_bytes(), headers=headers | last_modified(written_at))


def _form(entry: bytes) -> bytes:
    found = _TERM.search(entry)
    return found[1] if found else b""


def _entries_listed(page: bytes) -> dict[str, _Listed]:
    listed: dict[str, _Listed] = {}
    for entry in _ENTRY.findall(page):
        text = entry.decode("latin-1")
        title, updated, accession = (
            _TITLE.search(text),
            _UPDATED.search(text),
            _ACCESSION.search(text),
        )
        if title and updated and accession:
            form, name, cik, role = title.groups()
            party = Party(cik=int(cik), name=html.unescape(name), role=role)
            moment = datetime.fromisoformat(updated[1])
            listed.setdefault(accession[0], _Listed(form, party, moment))
    return listed


def _rows(index: str) -> dict[str, _Listed]:
    listed: dict[str, _Listed] = {}
    for row in index.splitlines():
        if row.count("|") == 4 and row.endswith(".txt"):  # noqa: PLR2004  (a master row)
            cik, name, form, day, path = row.split("|")
            moment = datetime.strptime(day, "%Y%m%d").replace(hour=12, tzinfo=EASTERN)
            party = Party(cik=int(cik), name=name, role="Filer")
            listed.setdefault(Path(path).stem, _Listed(form, party, moment))
    return listed


def _invented(accession: str, listed: _Listed) -> bytes:
    dice = random.Random(accession)  # noqa: S311  (a reproducible fiction, not a secret)
    alike = [story for story in all_stories().values() if story.form == listed.form]
    story = dice.choice(alike or [all_stories()["quiet_quarter"]])
    facts = story.draw(dice, {})
    day: date = listed.accepted_at.date()
    return render_submission(
        accession=accession,
        form=listed.form,
        accepted_at=listed.accepted_at.astimezone(UTC),
        filed_on=day,
        period=day,
        parties=[listed.party],
        items=story.items,
        documents=story.documents(listed.party.name, "", facts, period=day, signed_on=day),
    )
