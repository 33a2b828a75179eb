"""The statements of an examination of the store; one text for DuckDB and Postgres."""

from typing import LiteralString

from blocks.store_sql import IS_BACKLOG

# an accession number's packed key; null where the text is none
KEY_OF: LiteralString = """
CASE WHEN {0} ~ '^[0-9]{{10}}-[0-9]{{2}}-[0-9]{{6}}$' THEN
  ((substr({0}, 12, 2)::bigint + 10) % 100) * 10000000000000000
  + substr({0}, 1, 10)::bigint * 1000000 + substr({0}, 15, 6)::bigint END"""
KEY_OF_ACCESSION: LiteralString = KEY_OF.format("accession")
ANSWERS_ACCESSION: LiteralString = "(answer::json ->> 'accession')"
KEY_OF_ANSWER: LiteralString = KEY_OF.format(ANSWERS_ACCESSION)

# the latest outcome of each filing, whatever seen says
LATEST: LiteralString = """
SELECT DISTINCT ON (k) * FROM outcome ORDER BY k, recorded_at DESC"""

NOW_AND_OUTCOMES: LiteralString = "SELECT now(), count(DISTINCT k) FROM outcome"

CLAIMS: LiteralString = """
SELECT k, owner, lease_until, lease_until < now(), attempts, done_at IS NOT NULL
FROM seen WHERE owner IS NOT NULL AND lease_until IS NOT NULL ORDER BY lease_until, k"""

UNFINISHED: LiteralString = (
    """
WITH failed AS (
  SELECT DISTINCT ON (k) k, error || ': ' || message AS last_error
  FROM failure WHERE k IN (SELECT k FROM seen WHERE done_at IS NULL)
  ORDER BY k, failed_at DESC
)
SELECT seen.k, seen.attempts, """
    + IS_BACKLOG
    + """, f.last_error
FROM seen LEFT JOIN failed f ON f.k = seen.k
WHERE seen.done_at IS NULL AND seen.owner IS NULL ORDER BY seen.k"""
)

PARKED_NOW: LiteralString = (
    "WITH latest AS ("
    + LATEST
    + """)
SELECT k FROM latest WHERE status = 'parked' ORDER BY recorded_at, k"""
)

# $1 seconds an outcome counts (null: for ever); of older ones no row of seen need be kept, and
# there may be one that was claimed anew
# -> key and a word of SeenFault
CONTRADICTIONS: LiteralString = """
WITH latest AS (SELECT k, max(recorded_at) AS recorded_at FROM outcome GROUP BY k)
SELECT coalesce(s.k, l.k), CASE
  WHEN l.k IS NULL AND s.done_at IS NOT NULL THEN 'no outcome'
  WHEN l.k IS NULL THEN 'no filing'
  WHEN s.k IS NULL THEN 'not seen'
  WHEN s.done_at IS NULL THEN 'not done'
  ELSE 'other moment' END
FROM seen s FULL JOIN latest l ON l.k = s.k
WHERE (l.k IS NULL AND (s.done_at IS NOT NULL OR s.filing IS NULL))
  OR (l.k IS NOT NULL AND s.done_at IS NULL AND ($1::double precision IS NULL
    OR l.recorded_at >= now() - $1::double precision * INTERVAL '1 second'))
  OR s.done_at <> l.recorded_at
ORDER BY 1"""

# -> table, what is named there
BROKEN_KEYS: LiteralString = (
    "SELECT 'outcome', accession FROM outcome WHERE coalesce("
    + KEY_OF_ACCESSION
    + ", -1) <> k UNION ALL SELECT 'failure', accession FROM failure WHERE coalesce("
    + KEY_OF_ACCESSION
    + ", -1) <> k UNION ALL SELECT 'analysis', "
    + ANSWERS_ACCESSION
    + " FROM analysis WHERE coalesce("
    + KEY_OF_ANSWER
    + ", -1) <> k"
)

# -> key, fingerprint, answered_at, whether the filing has an outcome, whether it is taken up
ORPHANS: LiteralString = (
    """
SELECT a.k, a.fingerprint, a.answered_at, a.k IN (SELECT k FROM outcome),
  coalesce(seen.lease_until >= now() OR ("""
    + IS_BACKLOG
    + """), false)
FROM analysis a
LEFT JOIN outcome o
  ON o.k = a.k AND o.fingerprint = a.fingerprint AND o.answered_at = a.answered_at
LEFT JOIN seen ON seen.k = a.k
WHERE o.k IS NULL ORDER BY a.k, a.answered_at"""
)

WITHOUT_ANALYSIS: LiteralString = (
    "WITH latest AS ("
    + LATEST
    + """)
SELECT o.k, o.fingerprint, o.answered_at FROM latest o
LEFT JOIN analysis a
  ON a.k = o.k AND a.fingerprint = o.fingerprint AND a.answered_at = o.answered_at
WHERE o.status = 'enriched' AND a.k IS NULL ORDER BY o.k"""
)

ADRIFT: LiteralString = """
SELECT k FROM amendment_link
WHERE k NOT IN (SELECT k FROM outcome)
  OR (amends IS NOT NULL AND amends NOT IN (SELECT accession FROM outcome))
  OR (superseded_by IS NOT NULL AND superseded_by NOT IN (SELECT accession FROM outcome))
UNION SELECT k FROM reported WHERE k NOT IN (SELECT k FROM outcome)
ORDER BY 1"""

# $1 seconds that a call's booking is open -> run, day, worst case, end, whether a batch's
OPEN_BOOKINGS: LiteralString = """
SELECT run, day, worst_nano, open_until,
  open_until - reserved_at > $1::double precision * INTERVAL '1 second'
FROM spending WHERE settled_at IS NULL AND open_until <= now() ORDER BY open_until, key"""

# -> key, run, cost, fingerprint, answered_at, model of paid answers whose run has booked nothing;
# of what was answered before the first booking that is kept nothing is said: earlier versions
# booked nothing
UNBOOKED: LiteralString = """
SELECT k, answer::json ->> 'paid_by_run', cost_usd, fingerprint, answered_at, model FROM analysis
WHERE (cost_usd IS NULL OR cost_usd > 0)
  AND answered_at >= (SELECT min(reserved_at) FROM spending)
  AND (answer::json ->> 'paid_by_run') NOT IN (SELECT run FROM spending)
ORDER BY k"""

# the latest certificate of each day and set of forms -> moment, certificate
CERTIFIED: LiteralString = """
SELECT issued_at, body FROM (
  SELECT DISTINCT ON (day, forms) day, forms, issued_at, body
  FROM certificate ORDER BY day, forms, issued_at DESC
) latest ORDER BY day, forms"""

# $1 days, as texts -> day, form, filings with an outcome, filings with an analysis
ENDED_BY_DAY: LiteralString = """
SELECT filing::json ->> 'filed_on', form, count(DISTINCT k),
  count(DISTINCT CASE WHEN status = 'enriched' THEN k END)
FROM outcome WHERE (filing::json ->> 'filed_on') IN (SELECT unnest($1::text[]))
GROUP BY 1, 2"""

# $1 keys -> those with an outcome
ENDED: LiteralString = """
SELECT DISTINCT k FROM outcome WHERE k IN (SELECT unnest($1::bigint[]))"""

# $1 keys -> key, moment of the latest outcome, whether a run holds it, whether it is taken up
ON_RECORD: LiteralString = (
    """
WITH asked AS (SELECT unnest($1::bigint[]) AS k),
latest AS (
  SELECT k, max(recorded_at) AS recorded_at FROM outcome
  WHERE k IN (SELECT k FROM asked) GROUP BY k
)
SELECT asked.k, l.recorded_at, coalesce(seen.lease_until >= now(), false),
  coalesce(seen.lease_until >= now() OR ("""
    + IS_BACKLOG
    + """), false)
FROM asked LEFT JOIN latest l ON l.k = asked.k LEFT JOIN seen ON seen.k = asked.k"""
)

# $1 keys, $2 fingerprint -> answers, oldest first
ANSWERS_OF: LiteralString = """
SELECT k, answer FROM analysis
WHERE k IN (SELECT unnest($1::bigint[])) AND fingerprint = $2::text
ORDER BY k, answered_at"""

# the answers that the latest outcomes name -> key, fingerprint, answered_at
IN_USE: LiteralString = (
    "WITH latest AS ("
    + LATEST
    + """)
SELECT o.k, o.fingerprint, o.answered_at FROM latest o JOIN analysis a
  ON a.k = o.k AND a.fingerprint = o.fingerprint AND a.answered_at = o.answered_at
WHERE o.status = 'enriched' ORDER BY o.k"""
)
