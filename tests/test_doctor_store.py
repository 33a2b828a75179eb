"""The doctor on the store: each damage is found, explained, mended, and costs no payment."""

from datetime import date

import pytest
from doctor_ward import DAY, Ward
from store_filings import filing, filings

from blocks.models import accession_key
from tasks.check_days import check_days
from tasks.findings import Level

pytest_plugins = ["doctor_fixtures"]

SEEN = "SELECT k, done_at, done_by, found_by, attempts FROM seen ORDER BY k"
BILL = "SELECT day, model, calls, round(spent_usd, 9), unpriced_calls FROM spent_by_day"
DONE = "SELECT accession, recorded_at FROM outcome ORDER BY k"


def enriched(ward: Ward) -> list[str]:
    frame = ward.store.outcomes()
    return sorted(frame.loc[frame["status"] == "enriched", "accession"])


def test_an_installation_that_has_run_has_no_findings_and_mending_it_changes_nothing(
    ward: Ward,
) -> None:
    before = [ward.sql(statement) for statement in (SEEN, BILL, DONE)]
    assert ward.findings() == {}
    ward.mend()
    assert [ward.sql(statement) for statement in (SEEN, BILL, DONE)] == before


class TestClaims:
    def test_what_a_killed_run_left_passes_with_the_next_run_and_is_not_paid_again(
        self, ward: Ward
    ) -> None:
        lost, paid = ward.unrecorded(enriched(ward)[0]), ward.paid()
        ward.store.claim([lost], owner="killed", lease_s=0)
        ward.sql("UPDATE seen SET lease_until = now() - INTERVAL '90 s' WHERE owner = 'killed'")
        found = ward.findings()
        stale, waits = found["stale-claims"], found["answer-waits"]
        assert (stale.level, waits.level) == (Level.PASSES, Level.PASSES)
        assert "1 minute ago" in stale.title
        assert stale.names == (f"{lost.accession}, run killed, over for 1 minute",)
        ward.run(source="rss")
        assert ward.findings() == {}
        assert ward.paid() == paid

    def test_each_claim_and_what_waits_is_told_by_who_is_to_do_something(self, ward: Ward) -> None:
        some = enriched(ward)[0]
        ward.store.claim(filings(1), owner="died", lease_s=0)
        ward.store.claim(filings(2), owner="alive", lease_s=60)
        ward.store.claim(filings(3, 4), owner="handed back", lease_s=60)
        ward.store.release([filing(3).accession], owner="handed back")
        ward.sql("UPDATE seen SET lease_until = now() - INTERVAL '5 hours' WHERE owner = 'died'")
        ward.sql("UPDATE seen SET owner = NULL, attempts = 2 WHERE owner = 'handed back'")
        ward.sql("UPDATE outcome SET status = 'parked' WHERE accession = $1", some)
        found = ward.findings()
        told = {kind: (one.level, one.names[0][:20]) for kind, one in found.items()}
        assert told["stale-claims"] == (Level.PERSON, filing(1).accession)
        assert told["held-claims"] == (Level.NOTE, filing(2).accession)
        assert told["waiting"] == (Level.PASSES, filing(3).accession)
        assert told["near-parking"] == (Level.NOTE, filing(4).accession)
        assert told["parked"] == (Level.NOTE, some)
        assert "make up" in found["stale-claims"].remedy


class TestSeen:
    def test_what_is_done_without_an_outcome_is_unseen_again_and_recorded_for_nothing(
        self, ward: Ward
    ) -> None:
        lost, paid = enriched(ward)[0], ward.paid()
        ward.sql("DELETE FROM outcome WHERE accession = $1", lost)
        assert ward.findings().keys() == {
            *("seen-contradicts-outcomes", "analysis-without-outcome", "links-adrift"),
            *("answer-unrecorded", "days-lost-outcomes"),
        }
        ward.mend()
        assert lost not in ward.store.lookup([lost]).done
        assert "seen-contradicts-outcomes" not in ward.findings()
        ward.run(source="batch", start_date=DAY)
        assert ward.findings() == {}
        assert ward.paid() == paid

    def test_seen_follows_from_the_outcomes_again_whatever_it_said(self, ward: Ward) -> None:
        before = ward.sql(SEEN)
        keys = [row[0] for row in before]
        ward.sql("DELETE FROM seen WHERE k = $1::bigint", keys[0])
        ward.sql("UPDATE seen SET done_at = NULL, done_by = NULL WHERE k = $1::bigint", keys[1])
        ward.sql("UPDATE seen SET done_at = now() WHERE k = $1::bigint", keys[2])
        ward.store.claim(filings(1), owner="torn", lease_s=0)
        ward.sql("UPDATE seen SET filing = NULL, owner = NULL WHERE owner = 'torn'")
        found = ward.findings()["seen-contradicts-outcomes"]
        assert found.level is Level.MEND
        assert sorted(name.partition(": ")[2] for name in found.names) == [
            "done at a moment of which there is no outcome",
            "has an outcome and counts as unfinished",
            "has an outcome and is not in seen",
            "unfinished, without its filing",
        ]
        ward.mend()
        assert ward.findings() == {}
        assert ward.sql(SEEN) == before

    def test_claims_that_run_and_unfinished_filings_outlive_its_rebuilding(
        self, ward: Ward
    ) -> None:
        refreshed = filing(1).model_copy(update={"accession": enriched(ward)[0]})
        ward.store.claim(filings(2), owner="alive", lease_s=60)
        ward.store.claim([refreshed], owner="alive", lease_s=60, refresh=True)
        ward.store.claim(filings(3), owner="died", lease_s=0)
        finished = "SELECT count(*) FROM seen WHERE done_at IS NOT NULL"
        [(before,)] = ward.sql(finished)
        ward.sql("DELETE FROM seen WHERE owner IS NULL")
        assert ward.store.health.rebuild_seen().kept_unfinished
        assert ward.sql(finished) == [(before,)]
        held = ward.sql("SELECT count(*) FROM seen WHERE owner = 'alive' AND lease_until > now()")
        assert held == [(2,)]
        [again] = ward.store.claim((), owner="next", lease_s=60, backlog=True).granted
        assert again.filing == filing(3)

    @pytest.mark.parametrize(
        "damage", ["DROP TABLE seen", "ALTER TABLE seen RENAME COLUMN filing TO gone"]
    )
    def test_one_that_cannot_be_read_is_made_anew_from_the_outcomes_alone(
        self, ward: Ward, damage: str
    ) -> None:
        before = ward.sql(SEEN)
        ward.store.claim(filings(3), owner="died", lease_s=0)
        ward.sql(damage)
        rebuilt = ward.store.health.rebuild_seen()
        assert (rebuilt.rows, rebuilt.kept_unfinished) == (len(before), False)
        assert ward.findings() == {}
        assert ward.sql(SEEN) == before
        assert ward.store.claim(filings(3), owner="next", lease_s=60).granted


class TestEverythingElse:
    def test_what_other_tables_tell_is_mended_from_them_at_once(self, ward: Ward) -> None:
        first, second, third, fourth, _ = enriched(ward)
        tables = (SEEN, BILL, "SELECT k, answer FROM analysis ORDER BY k", DONE)
        before = [ward.sql(statement) for statement in tables]
        wrong, lost = accession_key(first), accession_key(second)
        ward.sql("UPDATE outcome SET k = k + 500 WHERE k = $1::bigint", wrong)
        ward.sql("UPDATE analysis SET k = k + 500 WHERE k = $1::bigint", wrong)
        ward.sql("DELETE FROM analysis WHERE k = $1::bigint", lost)
        ward.sql(
            "INSERT INTO amendment_link VALUES ($1::bigint, $2, NULL)",
            accession_key(third),
            filing(1).accession,
        )
        ward.sql("INSERT INTO reported SELECT k + 500, * EXCLUDE (k) FROM reported LIMIT 1")
        refreshed = filing(1).model_copy(update={"accession": fourth})
        assert ward.store.claim([refreshed], owner="died", lease_s=0, refresh=True).granted
        [(latest,)] = ward.sql("SELECT run FROM spending ORDER BY reserved_at DESC LIMIT 1")
        ward.sql("DELETE FROM spending WHERE run = $1", latest)

        found = ward.findings()
        assert set(found["wrong-keys"].names) == {f"outcome {first}", f"analysis {first}"}
        assert found["outcome-without-analysis"].names == (second,)
        assert third in found["links-adrift"].names
        assert fourth in found["dead-refreshes"].names[0]
        assert latest in found["unbooked-answers"].names[0]
        ward.mend()
        assert ward.findings() == {}
        assert [[row[:2] for row in ward.sql(one)] for one in tables] == [
            [row[:2] for row in rows] for rows in before
        ]
        assert ward.sql(BILL) == before[1]

    def test_an_analysis_without_a_file_is_told_of_with_the_command_that_pays(
        self, ward: Ward
    ) -> None:
        lost = ward.files()[0]
        ward.sql("DELETE FROM analysis WHERE k = $1::bigint", accession_key(lost.name))
        lost.unlink()
        ward.mend()
        assert "refresh=all" in ward.findings()["outcome-without-analysis"].remedy

    def test_a_payment_never_settled_counts_at_its_worst_before_and_after(
        self, ward: Ward
    ) -> None:
        ward.sql(
            "UPDATE spending SET settled_at = NULL, actual_nano = NULL, reserved_at = now() - "
            "INTERVAL '2 hours', open_until = now() - INTERVAL '119 minutes'"
        )
        ward.sql(
            "UPDATE spending SET open_until = now() - INTERVAL '1 minute', reserved_at = now() - "
            "INTERVAL '6 minutes' WHERE key = (SELECT min(key) FROM spending)"
        )
        bill, [(calls,)] = ward.sql(BILL), ward.sql("SELECT count(*) FROM spending")
        found = ward.findings()["open-bookings"]
        assert (found.level, len(found.names)) == (Level.NOTE, calls)
        ward.mend()
        left = ward.findings()["open-bookings"].names
        assert len(left) == 1, "it may still be settled by the process that made it"
        assert ward.sql(BILL) == bill


class TestDays:
    def test_a_day_that_lost_filings_or_is_open_is_named_until_a_run_certifies_it(
        self, ward: Ward
    ) -> None:
        lost, paid = enriched(ward)[0], ward.paid()
        ward.unrecorded(lost)
        [issued] = ward.store.certificates()
        unread = issued.certificate.model_copy(update={"unreadable": ("a torn row",)})
        ward.store.keep_certificate(unread)
        found = ward.findings()
        short, is_open = found["days-lost-outcomes"], found["open-days"]
        assert f"{DAY}: 7 ended and 5 enriched by the certificate, 6 and 4" in short.names[0]
        assert (is_open.level, is_open.names) == (
            Level.PERSON,
            (f"{DAY}: 0 left over, 1 rows unreadable",),
        )
        days = ward.store.health.examine().days
        tomorrow = date.fromordinal(DAY.toordinal() + 1)
        assert [one.level for one in check_days(days, tomorrow) if one.kind == "open-days"] == [
            Level.PASSES
        ], "the nightly run goes over it"
        ward.run(source="batch", start_date=DAY)
        assert ward.findings() == {}
        assert ward.paid() == paid
