"""A certificate in words: in one sentence, on a page of the UI, and as an error."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from blocks.certificate import Certificate, Lateness, Remark, Spread
from tasks.markdown import first, listing, said, table

_NAMED_IN_SENTENCE: Final = 3
_NAMED_IN_ERROR: Final = 20


def sentence(certificate: Certificate) -> str:
    """The certificate in one sentence: the sum, or what keeps it open."""
    day = certificate.day
    if not certificate.closed:
        names = first(_names(certificate.left_over), _NAMED_IN_SENTENCE)
        return f"{day} is NOT complete: {_open_counts(certificate)}{names and ': ' + names}."
    if not certificate.in_index:
        return f"{day} is complete: EDGAR's index has no filing of the chosen forms."
    filings = _counted(certificate.in_index, "filing")
    terms = " + ".join(f"{count} {account}" for account, count in _terms(certificate) if count)
    return f"{day} is complete: {filings} of the chosen forms in EDGAR's index = {terms}."


def not_closed(certificates: Sequence[Certificate]) -> str:
    """The message of ``DayNotClosed``: which days are open, what is left, and what to do.

    At least one of the certificates is open.
    """
    opened = sorted((one for one in certificates if not one.closed), key=lambda one: one.day)
    days = "; ".join(f"{one.day}: {_open_counts(one)}" for one in opened)
    left = [name for one in opened for name in (*_names(one.left_over), *one.unreadable)]
    begin, end = opened[0].day, opened[-1].day
    again = f"start_date={begin}" + (f" and end_date={end}" if end > begin else "")
    return (
        f"Not everything in EDGAR's index is accounted for. {days}. "
        f"What is left: {first(left, _NAMED_IN_ERROR)}. Run batch with {again} again: it takes "
        "up what is left, pays for nothing twice, and certifies anew"
    )


def certificate_markdown(certificate: Certificate) -> str:
    """The certificate as a page for the UI."""
    sections = [
        f"# EDGAR's filings of {certificate.day}\n\n**{sentence(certificate)}**",
        table(("account", "filings", "what that means"), _accounts(certificate)),
        *_remarks("Left over", certificate.left_over),
        *_unreadable(certificate),
        *_remarks("Failed", certificate.failed),
        *_remarks("Parked", certificate.parked),
        _late(certificate),
        *_index_only(certificate),
        f"Form types: {said(', '.join(certificate.forms))}",
    ]
    return "\n\n".join(sections) + "\n"


def _terms(certificate: Certificate) -> Iterable[tuple[str, int]]:
    yield "enriched", certificate.enriched
    yield "rejected", sum(certificate.rejected.values())
    yield "parked", len(certificate.parked)
    yield "failed", len(certificate.failed)


def _open_counts(certificate: Certificate) -> str:
    left, rows = len(certificate.left_over), len(certificate.unreadable)
    counts = []
    if rows:
        counts.append(f"{_counted(rows, 'row')} of the index cannot be read")
    if left:
        have = "has" if left == 1 else "have"
        counts.append(f"{left} of {certificate.in_index} {have} no outcome and no failure")
    return " and ".join(counts)


def _names(remarks: Iterable[Remark]) -> list[str]:
    return [f"{remark.accession} ({remark.why})" for remark in remarks]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _accounts(certificate: Certificate) -> Iterable[tuple[object, ...]]:
    yield "**in EDGAR's index**", certificate.in_index, "distinct accession numbers"
    yield "enriched", certificate.enriched, "have an analysis"
    for reason, count in certificate.rejected.items():
        yield "rejected", count, said(reason.replace("_", " "))
    yield "parked", len(certificate.parked), "attempts used up; a person should look"
    yield "failed", len(certificate.failed), "kept with the error; the next run tries again"
    yield "**left over**", len(certificate.left_over), "neither outcome nor failure"
    yield "only in the index", len(certificate.index_only), "of all these: RSS has not shown them"


def _remarks(title: str, remarks: Sequence[Remark]) -> Iterable[str]:
    if remarks:
        rows = [(remark.accession, said(remark.why)) for remark in remarks]
        yield f"## {title}\n\n" + listing(("accession", "why"), rows)


def _unreadable(certificate: Certificate) -> Iterable[str]:
    if certificate.unreadable:
        rows = [(said(row),) for row in certificate.unreadable]
        yield "## Rows of the index that cannot be read\n\n" + listing(("row",), rows)


def _index_only(certificate: Certificate) -> Iterable[str]:
    if certificate.index_only:
        rows = [(accession,) for accession in certificate.index_only]
        yield "## Only in the index\n\n" + listing(("accession",), rows)


def _late(certificate: Certificate) -> str:
    rows = [
        *_lateness("the same day", certificate.same_day),
        *_lateness("an evening before, held by EDGAR", certificate.overnight),
    ]
    header = ("accepted", "until", "filings", "p50", "p99", "worst", "the worst")
    return (
        "## How late RSS was\n\n"
        + table(header, rows)
        + "\n\nh:mm:ss since EDGAR's acceptance, for filings that RSS has shown; percentiles by "
        "nearest rank"
    )


def _lateness(accepted: str, lateness: Lateness) -> Iterable[tuple[object, ...]]:
    yield accepted, "shown by RSS", *_columns(lateness.shown)
    yield accepted, "enriched", *_columns(lateness.enriched)


def _columns(spread: Spread) -> tuple[object, ...]:
    seconds = (spread.p50_s, spread.p99_s, spread.worst_s)
    return (spread.filings, *map(_duration, seconds), spread.worst or "none")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "none"
    sign = "-" if seconds < 0 else ""  # our clock was behind EDGAR's
    return f"{sign}{timedelta(seconds=round(abs(seconds)))}"
