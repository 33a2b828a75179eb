"""Amendments in the store: what was analysed is noted, and what belongs together is linked."""

import json
from collections.abc import Iterable, Mapping

import blocks.store_sql as sql
from blocks.amendments import Analysed, Links, analysed, links_among
from blocks.models import Filing, Outcome, accession_key, accession_of
from blocks.store_rows import link_columns, reported_columns
from blocks.store_values import Succession
from blocks.store_windows import Row, Transaction


def link_amendments(
    transaction: Transaction, ends: Mapping[int, Outcome]
) -> tuple[Succession, ...]:
    """Note the analysed ones of these filings, and link them and all their kin anew.

    The links follow from everything noted so far and from nothing else, so the
    order in which filings are recorded does not matter.
    """
    found = {key: one for key, outcome in ends.items() if (one := analysed(outcome))}
    if not found:
        return ()
    transaction.rows(sql.ADD_REPORTED, *reported_columns(found))
    links, changed = relink(transaction, found)
    ours = {name: links[name] for name in map(accession_of, found) if links[name].named}
    return _successions(transaction, {**ours, **changed})


def relink(
    transaction: Transaction, keys: Iterable[int]
) -> tuple[Mapping[str, Links], Mapping[str, Links]]:
    """Link these filings and all their kin by what is noted; all links, and those it changed."""
    kin = transaction.rows(sql.KIN, list(keys))
    links, before = links_among(map(_analysed, kin)), dict(map(_links, kin))
    changed = {name: one for name, one in links.items() if one != before[name]}
    if changed:
        transaction.rows(sql.SET_LINKS, *link_columns(changed))
    return links, changed


def _successions(transaction: Transaction, links: Mapping[str, Links]) -> tuple[Succession, ...]:
    if not links:
        return ()
    named = {*links, *(name for pair in links.values() for name in pair.named)}
    filings: Mapping[str | None, Filing] = _filings(transaction, named)
    return tuple(
        Succession(
            filing=filings[name],
            amends=filings.get(pair.amends),
            superseded_by=filings.get(pair.superseded_by),
        )
        for name, pair in links.items()
    )


def _filings(transaction: Transaction, names: Iterable[str]) -> dict[str | None, Filing]:
    rows = transaction.rows(sql.FILINGS, [accession_key(name) for name in names])
    return {accession_of(key): Filing.model_validate_json(filing) for key, filing in rows}


def _analysed(row: Row) -> Analysed:
    key, form, period, filed_at, items, ciks, *_ = row
    return Analysed(
        accession=accession_of(key),
        form=form,
        filer_ciks=frozenset(ciks),
        period=period,
        filed_at=filed_at,
        items=frozenset(json.loads(items)),
    )


def _links(row: Row) -> tuple[str, Links]:
    key, *_, amends, superseded_by = row
    return accession_of(key), Links(amends=amends, superseded_by=superseded_by)
