"""Promises of the values that pass between rooms."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from blocks.models import (
    Filing,
    FoundBy,
    Party,
    accession_key,
    accession_of,
)

accessions = st.from_regex(r"[0-9]{10}-[0-9]{2}-[0-9]{6}", fullmatch=True)


def filing(**changes: object) -> Filing:
    fields: dict[str, object] = {
        "accession": "0001193125-25-123456",
        "form": "8-K",
        "parties": (Party(cik=1, name="One", role="Filer"),),
        "found_by": FoundBy.FEED,
    }
    return Filing.model_validate(fields | changes)


@given(accessions)
def test_an_accession_number_survives_packing_into_a_signed_64_bit_integer(accession: str) -> None:
    key = accession_key(accession)
    assert 0 <= key < 2**63
    assert accession_of(key) == accession


def test_packed_accession_numbers_of_a_later_year_come_later() -> None:
    years = ["93", "99", "00", "09", "25", "26"]
    keys = [accession_key(f"0001193125-{year}-000001") for year in years]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    "accession",
    [
        "0001193125-25-12345",
        "000119312525123456",
        "../../etc/passwd",
        "",
        "0001193125-25-12345\N{ARABIC-INDIC DIGIT SIX}",
    ],
)
def test_an_accession_number_that_is_not_one_is_refused(accession: str) -> None:
    with pytest.raises(ValidationError):
        filing(accession=accession)


def test_times_are_utc_inside() -> None:
    eastern = timezone(timedelta(hours=-5))
    value = filing(accepted_at=datetime(2025, 12, 12, 17, 31, 8, tzinfo=eastern))
    assert value.accepted_at == datetime(2025, 12, 12, 22, 31, 8, tzinfo=UTC)
    assert value.accepted_at is not None
    assert value.accepted_at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        filing(accepted_at=datetime(2025, 12, 12, 17, 31, 8))  # noqa: DTZ001 - the point


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (("Filed by", "Subject"), "Subject"),
        (("Reporting", "Issuer"), "Issuer"),
        (("Depositor", "Filer"), "Filer"),
        (("", ""), ""),
    ],
)
def test_the_stock_concerned_is_the_subjects_then_the_issuers_then_the_filers(
    roles: tuple[str, str], expected: str
) -> None:
    parties = tuple(Party(cik=n, name=str(n), role=role) for n, role in enumerate(roles, 1))
    assert {party.role for party in filing(parties=parties).issuers} == {expected}


def test_a_filing_survives_json() -> None:
    value = filing(accepted_at=datetime(2025, 12, 12, 22, 31, 8, tzinfo=UTC), items=("2.02",))
    assert Filing.model_validate_json(value.model_dump_json()) == value
