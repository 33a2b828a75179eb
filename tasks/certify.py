"""certify: prove that every filing of a day's index is accounted for, or name the ones left."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from blocks.certificate import Certificate, LeftOver, Remark
from blocks.store import SeenStore
from blocks.store_values import Standing
from tasks.certificate_text import certificate_markdown, sentence
from tasks.lateness import lateness

PAUSE_S: Final = 2.0  # between two looks at what another run holds


class Account(StrEnum):
    """Where a filing of the index is counted: in exactly one of these."""

    ENRICHED = "enriched"
    REJECTED = "rejected"
    PARKED = "parked"
    FAILED = "failed"
    LEFT_OVER = "left_over"


def account_of(standing: Standing) -> Account:
    """An outcome first; else a failure on record, though a run tries it again; else none."""
    if standing.status is not None:
        return Account(standing.status.value)
    return Account.LEFT_OVER if standing.last_error is None else Account.FAILED


def certify(
    day: date,
    forms: Iterable[str],
    accessions: Iterable[str],
    standings: Iterable[Standing],
    unreadable: Iterable[str],
) -> Certificate:
    """Draw up the certificate of a day.

    Args:
        day: whose index it is.
        forms: the exact form types that were chosen.
        accessions: of the filings of these forms in the index; repeats count once.
        standings: how they stand in the store; without one, a filing is not in it.
        unreadable: the rows of the index that could not be read, as told.
    """
    known = {one.accession: one for one in standings}
    listed = [known.get(name, Standing(accession=name)) for name in dict.fromkeys(accessions)]
    accounts: dict[Account, list[Standing]] = {account: [] for account in Account}
    for one in listed:
        accounts[account_of(one)].append(one)
    same_day, overnight = lateness(day, listed)
    return Certificate(
        day=day,
        forms=tuple(sorted(forms)),
        in_index=len(listed),
        enriched=len(accounts[Account.ENRICHED]),
        rejected=dict(sorted(Counter(one.reason for one in accounts[Account.REJECTED]).items())),
        parked=tuple(_remark(one, one.reason) for one in accounts[Account.PARKED]),
        failed=tuple(_remark(one, one.last_error) for one in accounts[Account.FAILED]),
        left_over=tuple(map(_left_over, accounts[Account.LEFT_OVER])),
        unreadable=tuple(unreadable),
        index_only=tuple(one.accession for one in listed if not one.in_feed),
        same_day=same_day,
        overnight=overnight,
    )


def _remark(standing: Standing, why: str | None) -> Remark:
    return Remark(accession=standing.accession, why=why or "")


def _left_over(standing: Standing) -> LeftOver:
    return LeftOver(
        accession=standing.accession, why=_why_left(standing), held_until=standing.held_until
    )


def _why_left(standing: Standing) -> str:
    if not standing.in_store:
        return "not in the store"
    if standing.held_until is not None:
        return f"held by a run until {standing.held_until:%Y-%m-%d %H:%M:%S} UTC"
    if standing.attempts:
        return "its run ended without an outcome for it"
    return "claimed and not begun"


def certified_with_patience(
    ask: Callable[[], Certificate],
    patience_s: float,
    pause: Callable[[float], object] = time.sleep,
) -> Certificate:
    """Ask again while all that is left over is held by runs that live, for so long at most."""
    certificate = ask()
    for _ in range(math.ceil(patience_s / PAUSE_S)):
        if not _is_for_others_to_close(certificate):
            break
        pause(PAUSE_S)
        certificate = ask()
    return certificate


def _is_for_others_to_close(certificate: Certificate) -> bool:
    left = certificate.left_over
    return bool(left) and all(one.held_until is not None for one in left)


@task(name="certify", cache_policy=NO_CACHE, persist_result=False)
def certify_day(  # noqa: PLR0913, PLR0917 - a day's index in its parts, and whom to ask how long
    day: date,
    forms: frozenset[str],
    accessions: Sequence[str],
    unreadable: Sequence[str],
    store: SeenStore,
    patience_s: float,
) -> Certificate:
    """Certify a day: keep the certificate, show it as an artifact, and send an event.

    What another run holds may be given ``patience_s`` seconds to be finished.
    The artifact is ``certificate-<day>``; the event, ``sec-day.certified`` or
    ``sec-day.open``, is about the resource ``sec-day.<day>``.
    """
    certificate = certified_with_patience(
        lambda: certify(day, forms, accessions, store.standings(accessions), unreadable),
        patience_s,
    )
    store.keep_certificate(certificate)
    create_markdown_artifact(
        key=f"certificate-{day}",
        markdown=certificate_markdown(certificate),
        description=sentence(certificate),
    )
    _announce(certificate)
    return certificate


def _announce(certificate: Certificate) -> None:
    emit_event(
        event="sec-day.certified" if certificate.closed else "sec-day.open",
        resource={
            "prefect.resource.id": f"sec-day.{certificate.day}",
            "prefect.resource.name": f"EDGAR's index of {certificate.day}",
        },
        payload={"sentence": sentence(certificate), **_counts(certificate)},
    )


def _counts(certificate: Certificate) -> dict[str, Any]:
    """The certificate in JSON, with the number of the filings in place of their names."""
    fields = certificate.model_dump(mode="json", exclude={"day", "forms"})
    return {name: len(of) if isinstance(of, list) else of for name, of in fields.items()}
