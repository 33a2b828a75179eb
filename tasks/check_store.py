"""What the doctor finds in the store itself: from its state to findings. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from blocks.spending import NANO
from blocks.store_health_values import OpenBooking, SeenFault, StoreState
from tasks.check_claims import check_claims
from tasks.findings import Finding, Level, counted, is_or_are

BACKUP: Final = (
    "Stop `make up` and put last night's copy in the place of the store's file (or a backup of "
    "the database back), or move the file away: then batch runs over the days record every "
    "kept answer again and pay nothing for it."
)
_FAULTS: Final = {
    SeenFault.NO_OUTCOME: "done, without an outcome",
    SeenFault.NO_FILING: "unfinished, without its filing",
    SeenFault.NOT_SEEN: "has an outcome and is not in seen",
    SeenFault.NOT_DONE: "has an outcome and counts as unfinished",
    SeenFault.OTHER_MOMENT: "done at a moment of which there is no outcome",
}


def check_store(state: StoreState, max_attempts: int) -> tuple[Finding, ...]:
    """All that is to be said about the store by itself; so many attempts end in parking."""
    if state.missing:
        return (_missing(state.missing),)
    return (
        *check_claims(state, max_attempts),
        *_contradictions(state),
        *_broken_keys(state),
        *_orphans(state),
        *_without_analysis(state),
        *_adrift(state),
        *_open_bookings(state.open_bookings),
        *_unbooked(state),
    )


def _missing(tables: Sequence[str]) -> Finding:
    number = len(tables)
    only_seen = tuple(tables) == ("seen",)
    return Finding(
        kind="missing-tables",
        level=Level.MEND if only_seen else Level.PERSON,
        title=f"{counted(number, 'table')} of the store {is_or_are(number)} gone",
        names=tuple(tables),
        meaning="A half of a copy, or a hand at the file. Every run fails. Nothing else of the "
        "store was looked at.",
        remedy="makes seen anew from the outcomes." if only_seen else BACKUP,
        mended=only_seen,
    )


def _contradictions(state: StoreState) -> Iterator[Finding]:
    number = len(state.contradictions)
    if number:
        yield Finding(
            kind="seen-contradicts-outcomes",
            level=Level.MEND,
            title=f"{counted(number, 'filing')} of which seen and the outcomes say different "
            "things",
            names=tuple(f"{one.accession}: {_FAULTS[one.fault]}" for one in state.contradictions),
            meaning="An older or torn copy of the store, or a hand at it. What is done without "
            "an outcome is passed over for ever; what has an outcome and is not seen is worked "
            "on again.",
            remedy="makes seen anew from the outcomes. What has none is unseen then: the "
            "next run over its day records it, without paying for a kept answer.",
            mended=True,
        )


def _broken_keys(state: StoreState) -> Iterator[Finding]:
    number = len(state.broken_keys)
    if number:
        yield Finding(
            kind="wrong-keys",
            level=Level.MEND,
            title=f"{counted(number, 'row')} filed under another accession number's key",
            names=state.broken_keys,
            meaning="Table and accession number are named. A look-up of that filing does not "
            "find the row, so it may be worked on again.",
            remedy="files them under the key of the accession number that row and filing "
            "agree on. What is still told of afterwards has none: restore a backup.",
            mended=True,
        )


def _orphans(state: StoreState) -> Iterator[Finding]:
    lost = [one for one in state.orphans if not one.has_outcome and not one.is_taken_up]
    spare = [one for one in state.orphans if one not in lost]
    if lost:
        yield Finding(
            kind="analysis-without-outcome",
            level=Level.PERSON,
            title=f"{counted(len(lost), 'stored analysis', 'stored analyses')} of filings "
            "without an outcome",
            names=tuple(one.accession for one in lost),
            meaning="The answers were paid for. Their filings have lost their outcome, and are "
            "worked on again when a run meets them.",
            remedy="mend, so that the answers are on file; then run sec_filings/batch with these "
            "accessions: it takes the answers from there and pays nothing.",
        )
    if spare:
        yield Finding(
            kind="unused-analyses",
            level=Level.NOTE,
            title=f"{counted(len(spare), 'stored analysis', 'stored analyses')} that no outcome "
            "names",
            names=tuple(one.accession for one in spare),
            meaning="The filing has another outcome, or a run is about to give it one.",
            remedy="nothing.",
        )


def _without_analysis(state: StoreState) -> Iterator[Finding]:
    number = len(state.without_analysis)
    if number:
        yield Finding(
            kind="outcome-without-analysis",
            level=Level.MEND,
            title=f"{counted(number, 'filing')} counted as enriched without the analysis",
            names=tuple(one.accession for one in state.without_analysis),
            meaning="The outcome stands, and the analysis it names is gone from the store.",
            remedy="takes it from the answer file. What is told of again afterwards has no such "
            "file: run sec_filings/batch with these accessions and refresh=all, which pays.",
            mended=True,
        )


def _adrift(state: StoreState) -> Iterator[Finding]:
    number = len(state.adrift)
    if number:
        yield Finding(
            kind="links-adrift",
            level=Level.MEND,
            title=f"{counted(number, 'filing')} whose amendment links lead nowhere",
            names=state.adrift,
            meaning="One end of the link has no outcome. A run that records a relative of it "
            "would fail over it.",
            remedy="links anew what has an outcome.",
            mended=True,
        )


def _open_bookings(bookings: Sequence[OpenBooking]) -> Iterator[Finding]:
    if bookings:
        usd = sum(one.worst_nano or 0 for one in bookings) / NANO
        yield Finding(
            kind="open-bookings",
            level=Level.NOTE,
            title=f"{counted(len(bookings), 'payment')} never settled, ${usd:.4f} at most",
            names=tuple(
                f"{'batch' if one.is_batch else 'call'} of {one.day}, run {one.run}, "
                + (f"${one.worst_nano / NANO:.4f}" if one.worst_nano else "price unknown")
                for one in bookings
            ),
            meaning="Their run was killed between booking and settling. Whether they were "
            "billed nobody here knows, so they count as spent at their worst case.",
            remedy="settles calls that are dead for an hour, and batches whose results are "
            "deleted by now, at their worst case; no sum changes.",
            mended=True,
        )


def _unbooked(state: StoreState) -> Iterator[Finding]:
    number = len(state.unbooked)
    if number:
        usd = sum(one.cost_usd or 0.0 for one in state.unbooked)
        yield Finding(
            kind="unbooked-answers",
            level=Level.MEND,
            title=f"{counted(number, 'answer')} paid by runs that booked nothing, ${usd:.4f}",
            names=tuple(f"{one.accession}, run {one.run}" for one in state.unbooked),
            meaning="Bookings were lost, or the run had the store switched off. The bill "
            "(spent_by_day) and the daily cap do not count them.",
            remedy="books each at what it cost, on the day it was answered.",
            mended=True,
        )
