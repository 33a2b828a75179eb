"""What reaches a path, a key, an address or a statement is of one of a few strict forms."""

import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from blocks.answers import AnswerFolder
from blocks.edgar_feed import read_entries
from blocks.edgar_header import read_header
from blocks.edgar_index import IndexRow, read_rows
from blocks.errors import FeedUnreadable, IndexUnreadable, ParameterError
from blocks.model_batch_lines import ids_in, result_in
from blocks.models import Filing, FoundBy, Party
from blocks.plan import ListPlan, plan_fetch
from blocks.settings import Settings
from flows.rooms import Rooms
from tasks.answer_cache import answer_key

GOOD = "0001193125-25-123456"
ACCESSION = re.compile(r"[0-9]{10}-[0-9]{2}-[0-9]{6}\Z")
ARABIC = GOOD.translate({ord("0") + digit: 0x660 + digit for digit in range(10)})
HOSTILE = (
    *("", "../../../etc/passwd", "..", "/etc/passwd", "%2e%2e%2f", "a/b", "a\\b", "~", "~root"),
    *(f"{GOOD}\n", f"\n{GOOD}", f"{GOOD}\0", f"{GOOD}/..", f"{GOOD}'--", f'{GOOD}"', f"{GOOD} "),
    *(ARABIC, GOOD.replace("-", "\u2010"), GOOD.replace("0", "\uff10"), f"{GOOD}\u2028"),
    *("'; DROP TABLE seen; --", "9" * 100_000, "javascript:alert(1)", "{0.__class__}", "\ud800"),
)
hostile = st.sampled_from(HOSTILE) | st.text()
INDEX_HEAD = "CIK|Company Name|Form Type|Date Filed|File Name"


def planned(**given: Any) -> object:  # noqa: ANN401 - any parameter
    wishes: dict[str, Any] = {
        "source": "batch",
        "today": date(2025, 12, 11),
        "forms": None,
        "max_pages": 1,
        "polls": 1,
        "poll_every_s": 0.0,
        "start_date": None,
        "end_date": None,
        "last_business_days": 1,
        "accessions": (),
        "accessions_csv": None,
        "ciks": (),
        "tickers": (),
    }
    return plan_fetch(**(wishes | given))


def is_safe(accession: str) -> bool:
    return ACCESSION.match(accession) is not None


@given(st.lists(hostile, max_size=3))
def test_a_run_is_given_accession_numbers_or_refuses(accessions: Sequence[str]) -> None:
    try:
        plan = planned(accessions=accessions)
    except ParameterError as error:
        assert len(str(error)) < 1_000  # noqa: PT017 - it may be raised or not
        return
    assert not isinstance(plan, ListPlan) or all(map(is_safe, plan.accessions))


@given(hostile)
def test_a_list_in_a_file_is_no_other_door(tmp_path_factory: Any, text: str) -> None:  # noqa: ANN401
    path = tmp_path_factory.mktemp("list", numbered=True) / "list.csv"
    path.write_text(f'accession\n"{text}"\n', encoding="utf-8", errors="surrogatepass")
    try:
        plan = planned(accessions_csv=str(path))
    except ParameterError:
        return
    assert isinstance(plan, ListPlan)
    assert all(map(is_safe, plan.accessions))


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/environ", "/", "\0", "nowhere"])
def test_a_list_is_read_from_a_file_and_from_nothing_else(path: str) -> None:
    with pytest.raises(ParameterError, match="accessions_csv"):
        planned(accessions_csv=path)


@pytest.mark.parametrize("ticker", [text for text in HOSTILE if text not in {"~", "a/b"}])
def test_a_ticker_is_one_or_is_refused(ticker: str) -> None:
    with pytest.raises(ParameterError, match="tickers"):
        planned(tickers=(ticker,))


@pytest.mark.parametrize("cik", [0, -1, 10**10, 10**4_000])
def test_a_cik_is_one_or_is_refused(cik: int) -> None:
    with pytest.raises(ParameterError, match="ciks"):
        planned(ciks=(cik,))


@pytest.mark.parametrize("form", HOSTILE)
def test_a_form_is_one_or_is_refused(form: str) -> None:
    with pytest.raises(ParameterError):
        planned(forms=(form,))


@pytest.mark.parametrize("profile", HOSTILE[:14])
def test_a_profile_is_a_name_of_documents_or_is_refused(profile: str) -> None:
    with pytest.raises(ParameterError, match="profile"), Rooms.opened(profile, Settings()):
        pytest.fail("opened")


@given(hostile)
def test_a_filing_has_an_accession_number(text: str) -> None:
    try:
        filing = Filing(
            accession=text, form="8-K", parties=(Party(cik=1, name="A"),), found_by=FoundBy.FEED
        )
    except ValidationError:
        assert not is_safe(text)
        return
    assert is_safe(filing.accession)
    assert re.fullmatch(r"/Archives/edgar/data/1/[0-9-]{20}\.txt", filing.submission_path)


ENTRY = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>8-K - A ({cik}) (Filer)</title>
<link href="http://evil.example/{accession}"/>
<summary type="html">&lt;b&gt;Filed:&lt;/b&gt; 2025-12-11 &lt;b&gt;AccNo:&lt;/b&gt; {accession}
</summary><updated>2025-12-11T10:00:00-05:00</updated><category term="8-K"/>
<id>urn:tag:sec.gov,2008:accession-number={accession}</id></entry></feed>"""


@given(hostile, hostile)
def test_an_entry_of_the_feed_becomes_a_filing_with_a_path_of_our_own(
    accession: str, cik: str
) -> None:
    entry = ENTRY.format(accession=accession, cik=cik).encode(errors="replace")
    try:
        found = read_entries(entry).filings
    except FeedUnreadable:
        return
    for filing in found:
        assert is_safe(filing.accession)
        assert "evil" not in filing.submission_path + filing.page_path


@given(hostile, hostile, hostile)
def test_a_row_of_an_index_names_an_accession_number(cik: str, name: str, path: str) -> None:
    row = f"{cik}|{name}|8-K|20251211|edgar/data/1/{path}.txt"
    try:
        found = list(read_rows([INDEX_HEAD, *row.split("\n")]))
    except IndexUnreadable:
        return
    for one in found:
        assert not isinstance(one, IndexRow) or (is_safe(one.accession) and one.cik < 10**10)


@given(hostile, hostile)
def test_a_header_of_a_submission_names_an_accession_number(accession: str, cik: str) -> None:
    header = read_header(f"ACCESSION NUMBER: {accession}\nFILER:\nCENTRAL INDEX KEY: {cik}")
    assert header.accession is None or is_safe(header.accession)
    assert all(0 < party.cik < 10**10 for party in header.parties)


@given(hostile)
def test_a_line_of_a_batch_is_about_an_accession_number_or_about_nothing(text: str) -> None:

    line = json.dumps({"custom_id": text, "error": {"code": "x"}}).encode(errors="replace")
    result = result_in(line)
    assert all(map(is_safe, ids_in([line])))
    assert result is None or is_safe(result.custom_id)


@given(hostile)
def test_no_key_leads_out_of_the_answer_folder(tmp_path_factory: Any, text: str) -> None:  # noqa: ANN401
    folder = AnswerFolder(basepath=str(tmp_path_factory.getbasetemp() / "answers"))
    try:
        path = folder._resolve_path(answer_key(text, text))
    except (ValueError, OSError):
        return
    assert path.is_relative_to(Path(str(folder.basepath)).resolve())
