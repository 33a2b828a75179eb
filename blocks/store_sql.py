"""Every statement on the store: one text for DuckDB and Postgres.

A frame is one statement: rows come in as arrays side by side. Membership is
``IN (SELECT unnest(...))``, a semi join on both engines; asking for what is
there and subtracting beats an anti join many times over.
"""

from typing import LiteralString

# whether the next run on the live feed takes a row of seen up (see CLAIM)
IS_BACKLOG: LiteralString = """
seen.done_at IS NULL
AND (seen.found_by = 'feed' OR seen.in_feed_at IS NOT NULL OR seen.attempts > 0)"""

# $1 keys, $2 seconds an outcome counts (null: for ever)
# -> key, when its outcome was stored, whether that still counts, and of what has none whether
# it is backlog (see CLAIM)
STATE: LiteralString = (
    """
SELECT k, done_at,
  done_at IS NOT NULL AND ($2::double precision IS NULL
    OR done_at >= now() - $2::double precision * INTERVAL '1 second'),"""
    + IS_BACKLOG
    + """
FROM seen WHERE k IN (SELECT unnest($1::bigint[]))"""
)

# $1 keys, $2 fingerprint -> those whose latest outcome is an answer of another fingerprint
OUTDATED: LiteralString = """
SELECT o.k FROM outcome o JOIN seen s ON s.k = o.k AND s.done_at = o.recorded_at
WHERE o.k IN (SELECT unnest($1::bigint[])) AND o.fingerprint <> $2::text"""

# $1 keys, $2 seconds an outcome counts -> those whose latest outcome is an analysis that counts
ANALYSED: LiteralString = """
SELECT o.k FROM outcome o JOIN seen s ON s.k = o.k AND s.done_at = o.recorded_at
WHERE o.k IN (SELECT unnest($1::bigint[])) AND o.status = 'enriched'
  AND ($2::double precision IS NULL
    OR s.done_at >= now() - $2::double precision * INTERVAL '1 second')"""

# $1 keys, $2 owner -> those that have an outcome of another owner, and are leased to another
HELD_ANEW: LiteralString = """
SELECT k FROM seen WHERE k IN (SELECT unnest($1::bigint[]))
  AND owner <> $2::text AND lease_until >= now() AND done_by <> $2::text"""

# $1-$3 keys with their found_by and filing; $4 owner; $5 whether outcomes of other owners are
# claimed anew; $6 seconds an outcome counts; $7 whether unfinished filings are taken along;
# $8 keys that are claimed whatever their outcome
# -> table claimable: key, found_by, filing and attempts as they are once claimed
#
# What only an index or a list named and no run has begun (no attempt) is left to whoever named
# it: a backfill that reached its budget must not go on at the live path's expense.
#
# A filing is null exactly where nothing was claimed since the latest outcome: counting starts
# again there. The run that holds a claim gets it again uncounted.
_CLAIMABLE: LiteralString = (
    """
WITH candidate AS (
  SELECT unnest($1::bigint[]) AS k, unnest($2::text[]) AS found_by, unnest($3::text[]) AS filing
  UNION ALL
  SELECT k, found_by, filing FROM seen
  WHERE $7::boolean AND"""  # noqa: S608 - all of it is our own text
    + IS_BACKLOG
    + """
    AND k NOT IN (SELECT unnest($1::bigint[]))
),
known AS (SELECT * FROM seen WHERE k IN (SELECT k FROM candidate)),
claimable AS (
  SELECT candidate.k, candidate.found_by, coalesce(known.filing, candidate.filing) AS filing,
    CASE
      WHEN known.owner = $4::text THEN known.attempts
      WHEN known.filing IS NULL THEN 1
      ELSE known.attempts + 1 END AS attempts
  FROM candidate LEFT JOIN known ON known.k = candidate.k
  WHERE (known.owner IS NULL OR known.owner = $4::text OR known.lease_until < now())
    AND (known.done_at IS NULL
      OR ($5::boolean AND known.done_by <> $4::text)
      OR known.done_at < now() - $6::double precision * INTERVAL '1 second'
      OR known.k IN (SELECT unnest($8::bigint[])))
)"""
)

# as _CLAIMABLE -> key, attempts, filing of what CLAIM would lease; nothing is written
PREVIEW: LiteralString = (
    _CLAIMABLE
    + """
SELECT k, attempts, filing FROM claimable"""
)

# as _CLAIMABLE, and $9 lease in seconds -> key, attempts, filing
#
# Ordered by key, so that overlapping claims meet in one order.
CLAIM: LiteralString = (
    """
INSERT INTO seen (k, owner, lease_until, attempts, found_by, filing, first_seen_at, in_feed_at)"""
    + _CLAIMABLE
    + """
SELECT k, $4::text, now() + $9::int * INTERVAL '1 second', attempts, found_by, filing,
  now(), CASE WHEN found_by = 'feed' THEN now() END
FROM claimable ORDER BY k
ON CONFLICT (k) DO UPDATE SET
  owner = excluded.owner, lease_until = excluded.lease_until,
  attempts = excluded.attempts, filing = excluded.filing
RETURNING k, attempts, filing"""
)

# $1 keys that the feed shows, whoever named, holds or finished them; of those an earlier version
# found in the feed the moment is not known any more
IN_FEED: LiteralString = """
UPDATE seen SET in_feed_at = now()
WHERE k IN (SELECT unnest($1::bigint[])) AND in_feed_at IS NULL
  AND (first_seen_at IS NOT NULL OR found_by <> 'feed')"""

# $1 keys, $2 owner, $3 lease in seconds
RENEW: LiteralString = """
UPDATE seen SET lease_until = now() + $3::int * INTERVAL '1 second'
WHERE k IN (SELECT unnest($1::bigint[])) AND owner = $2::text RETURNING k"""

# $1 keys, $2 owner -> key, attempts without this one, when done
RELEASE: LiteralString = """
UPDATE seen SET owner = NULL, lease_until = NULL, attempts = attempts - 1
WHERE k IN (SELECT unnest($1::bigint[])) AND owner = $2::text RETURNING k, attempts, done_at"""

# $1 keys, $2 owner -> key, attempts, now; the fence: a claim that is another's now is not touched
FINISH: LiteralString = """
UPDATE seen SET owner = NULL, lease_until = NULL, done_at = now(), done_by = $2::text,
  filing = NULL
WHERE k IN (SELECT unnest($1::bigint[])) AND owner = $2::text RETURNING k, attempts, done_at"""

# as FINISH, of what keeps the outcome it has: nothing was claimed since
LET_STAND: LiteralString = """
UPDATE seen SET owner = NULL, lease_until = NULL, filing = NULL
WHERE k IN (SELECT unnest($1::bigint[])) AND owner = $2::text RETURNING k, attempts, done_at"""

# $1 keys, $2 owner, $3 attempts after which a failure is final -> key, attempts, when done
FAIL: LiteralString = """
UPDATE seen SET owner = NULL, lease_until = NULL,
  done_at = CASE WHEN attempts >= $3::int THEN now() ELSE done_at END,
  done_by = CASE WHEN attempts >= $3::int THEN $2::text ELSE done_by END,
  filing = CASE WHEN attempts >= $3::int THEN NULL ELSE filing END
WHERE k IN (SELECT unnest($1::bigint[])) AND owner = $2::text RETURNING k, attempts, done_at"""

# $1 keys, $2 owner -> those with an outcome this owner has stored before
STORED_BEFORE: LiteralString = """
SELECT k FROM seen WHERE k IN (SELECT unnest($1::bigint[])) AND done_by = $2::text"""

# $1 owner, then the columns
ADD_OUTCOMES: LiteralString = """
INSERT INTO outcome (owner, recorded_at, k, accession, attempts, status, reason, form, filer,
  verdict, ticker, price_usd, filing, decision, fingerprint, answered_at, from_cache)
SELECT $1::text, now(), unnest($2::bigint[]), unnest($3::text[]), unnest($4::smallint[]),
  unnest($5::text[]), unnest($6::text[]), unnest($7::text[]), unnest($8::text[]),
  unnest($9::text[]), unnest($10::text[]), unnest($11::double precision[]),
  unnest($12::text[]), unnest($13::text[]), unnest($14::text[]),
  unnest($15::timestamptz[]), unnest($16::boolean[])"""

# an answer found in the cache again is the same answer, and kept once
ADD_ANALYSES: LiteralString = """
INSERT INTO analysis (k, fingerprint, answered_at, summary, sentiment, confidence, risk_level,
  model, cost_usd, answer)
SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::timestamptz[]),
  unnest($4::text[]), unnest($5::double precision[]), unnest($6::double precision[]),
  unnest($7::text[]), unnest($8::text[]), unnest($9::double precision[]), unnest($10::text[])
ON CONFLICT (k, fingerprint, answered_at) DO NOTHING"""

# $1 owner, then the columns
ADD_FAILURES: LiteralString = """
INSERT INTO failure (owner, failed_at, k, accession, attempt, error, message, cost_usd)
SELECT $1::text, now(), unnest($2::bigint[]), unnest($3::text[]), unnest($4::smallint[]),
  unnest($5::text[]), unnest($6::text[]), unnest($7::double precision[])"""

OUTCOME_COLUMNS = (
    "accession", "form", "filer", "status", "reason", "verdict", "ticker", "price_usd",
    "summary", "sentiment", "confidence", "risk_level", "model", "cost_usd", "from_cache",
    "attempts", "recorded_at", "amends", "superseded_by",
)  # fmt: skip

# $1 keys (null: all) -> the latest outcome of each, oldest first
OUTCOMES: LiteralString = """
SELECT o.accession, o.form, o.filer, o.status, o.reason, o.verdict, o.ticker, o.price_usd,
  a.summary, a.sentiment, a.confidence, a.risk_level, a.model, a.cost_usd, o.from_cache,
  o.attempts, o.recorded_at, l.amends, l.superseded_by
FROM outcome o
JOIN seen s ON s.k = o.k AND s.done_at = o.recorded_at
LEFT JOIN analysis a
  ON a.k = o.k AND a.fingerprint = o.fingerprint AND a.answered_at = o.answered_at
LEFT JOIN amendment_link l ON l.k = o.k
WHERE $1::bigint[] IS NULL OR o.k IN (SELECT unnest($1::bigint[]))
ORDER BY o.recorded_at, o.k"""

# $1 keys -> key, filing as it was when its latest outcome was stored; seen may have lost it
FILINGS: LiteralString = """
SELECT DISTINCT ON (k) k, filing FROM outcome
WHERE k IN (SELECT unnest($1::bigint[])) ORDER BY k, recorded_at DESC"""

# the columns of reported; what a header says of a filing is the same however often it is read
ADD_REPORTED: LiteralString = """
INSERT INTO reported (k, cik, base_form, period, form, filed_at, items)
SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::text[]), unnest($4::date[]),
  unnest($5::text[]), unnest($6::timestamptz[]), unnest($7::text[])
ON CONFLICT (k, cik) DO NOTHING"""

# $1 keys -> these filings and all that are linked to them, over any number of steps, by a filer,
# the base form and the period in common: key, form, period, filed_at, items, CIKs, and the
# links they have so far
KIN: LiteralString = """
WITH RECURSIVE kin (k) AS (
  SELECT unnest($1::bigint[])
  UNION
  SELECT near.k FROM kin JOIN reported mine ON mine.k = kin.k
  JOIN reported near
    ON near.cik = mine.cik AND near.base_form = mine.base_form AND near.period = mine.period
)
SELECT r.k, r.form, r.period, r.filed_at, r.items, array_agg(r.cik), l.amends, l.superseded_by
FROM reported r LEFT JOIN amendment_link l ON l.k = r.k
WHERE r.k IN (SELECT k FROM kin)
GROUP BY r.k, r.form, r.period, r.filed_at, r.items, l.amends, l.superseded_by"""

# $1 keys, $2 what each amends, $3 what supersedes it
SET_LINKS: LiteralString = """
INSERT INTO amendment_link (k, amends, superseded_by)
SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::text[])
ON CONFLICT (k) DO UPDATE SET
  amends = excluded.amends, superseded_by = excluded.superseded_by"""

# -> filing, attempts, reason of those whose latest outcome is to be parked
PARKED: LiteralString = """
SELECT o.filing, o.attempts, o.reason
FROM outcome o JOIN seen s ON s.k = o.k AND s.done_at = o.recorded_at
WHERE o.status = 'parked' ORDER BY o.recorded_at, o.k"""

# $1 keys -> every answer kept of them, oldest first
ANSWERS: LiteralString = """
SELECT answer FROM analysis WHERE k IN (SELECT unnest($1::bigint[]))
ORDER BY k, answered_at"""

# $1 model, $2 fingerprint -> form, whether of this fingerprint, how many answers, their mean
# cost; of answers that were paid for, each once, whatever number of outcomes it has
ANSWER_COSTS: LiteralString = """
WITH paid AS (
  SELECT min(o.form) AS form, a.fingerprint = $2::text AS same, min(a.cost_usd) AS cost_usd
  FROM analysis a JOIN outcome o
    ON o.k = a.k AND o.fingerprint = a.fingerprint AND o.answered_at = a.answered_at
  WHERE a.model = $1::text AND a.cost_usd > 0
  GROUP BY a.k, a.fingerprint, a.answered_at
)
SELECT form, same, count(*), avg(cost_usd) FROM paid GROUP BY form, same ORDER BY form, same"""

# $1 feed -> EDGAR's clock at the latest poll that skipped nothing, and at the latest sweep
FEED_MARK: LiteralString = """
SELECT read_at, swept_at FROM feed_mark WHERE feed = $1::text"""

# $1 feed, $2 read_at, $3 swept_at; a repeated or overtaken run moves no mark back
SET_FEED_MARK: LiteralString = """
INSERT INTO feed_mark (feed, read_at, swept_at)
VALUES ($1::text, $2::timestamptz, $3::timestamptz)
ON CONFLICT (feed) DO UPDATE SET
  read_at = greatest(feed_mark.read_at, excluded.read_at),
  swept_at = greatest(feed_mark.swept_at, excluded.swept_at)"""

STANDING_COLUMNS = (
    "status", "reason", "last_error", "held_until", "attempts", "in_feed", "first_seen_at",
    "in_feed_at", "enriched_at", "accepted_at",
)  # fmt: skip

# $1 keys -> key and the columns above, of those that are in the store
#
# The moment of acceptance: as the filing was listed when it ended, else as it is listed, else as
# its submission says, which every answer keeps. An index lists none.
STANDINGS: LiteralString = """
WITH asked AS (SELECT unnest($1::bigint[]) AS k),
ended AS (
  SELECT k, min(CASE WHEN status = 'enriched' THEN recorded_at END) AS enriched_at,
    min((filing::json ->> 'accepted_at')::timestamptz) AS accepted_at
  FROM outcome WHERE k IN (SELECT k FROM asked) GROUP BY k
),
failed AS (
  SELECT DISTINCT ON (k) k, error || ': ' || message AS last_error
  FROM failure WHERE k IN (SELECT k FROM asked) ORDER BY k, failed_at DESC
),
answered AS (
  SELECT k, min((answer::json ->> 'accepted_at')::timestamptz) AS accepted_at
  FROM analysis WHERE k IN (SELECT k FROM asked) GROUP BY k
)
SELECT s.k, o.status, coalesce(o.reason, ''), f.last_error,
  CASE WHEN s.lease_until >= now() THEN s.lease_until END, s.attempts,
  s.found_by = 'feed' OR s.in_feed_at IS NOT NULL, s.first_seen_at, s.in_feed_at,
  e.enriched_at,
  coalesce(e.accepted_at, (s.filing::json ->> 'accepted_at')::timestamptz, a.accepted_at)
FROM seen s
LEFT JOIN outcome o ON o.k = s.k AND o.recorded_at = s.done_at
LEFT JOIN ended e ON e.k = s.k
LEFT JOIN failed f ON f.k = s.k
LEFT JOIN answered a ON a.k = s.k
WHERE s.k IN (SELECT k FROM asked)"""

# $1 day, $2 forms, $3 whether closed, $4 certificate
ADD_CERTIFICATE: LiteralString = """
INSERT INTO certificate (day, forms, issued_at, closed, body)
VALUES ($1::date, $2::text, now(), $3::boolean, $4::text)"""

# $1 day (null: all) -> moment and certificate, oldest first
CERTIFICATES: LiteralString = """
SELECT issued_at, body FROM certificate
WHERE $1::date IS NULL OR day = $1::date
ORDER BY issued_at, day, forms"""
