"""What is still to be announced, in the store: within one transaction.

A row is written with what it tells of and goes once it was sent, so the table is
empty but for moments.
"""

from collections.abc import Iterable, Sequence
from typing import Final, LiteralString

from blocks.announcements import Announcement
from blocks.store_windows import Transaction

HOLD_S: Final = 120  # longer than sending may take: tasks.announce gives up after 60

# $1 ids, $2 moments, $3 places, $4 events, $5 sender, $6 seconds that it alone may send them;
# what waits already is not told twice
NOTE: LiteralString = """
INSERT INTO announcement (id, occurred_at, place, event, sender, held_until)
SELECT unnest($1::text[]), unnest($2::timestamptz[]), unnest($3::int[]), unnest($4::text[]),
  $5::text, now() + $6::int * INTERVAL '1 second'
ON CONFLICT (id) DO NOTHING"""

# $1 sender, $2 seconds that it alone may send them, $3 how many -> id, moment, event and place
# of the oldest that are the sender's or that nobody is sending
TAKE: LiteralString = """
UPDATE announcement SET sender = $1::text, held_until = now() + $2::int * INTERVAL '1 second'
WHERE id IN (
  SELECT id FROM announcement WHERE sender = $1::text OR held_until < now()
  ORDER BY occurred_at, place LIMIT $3::int)
RETURNING id, occurred_at, event, place"""

# $1 ids
SENT: LiteralString = "DELETE FROM announcement WHERE id IN (SELECT unnest($1::text[]))"


def note(transaction: Transaction, announcements: Sequence[Announcement], sender: str) -> None:
    """Keep these until they were sent, which ``sender`` does at once."""
    if not announcements:
        return
    ids, moments, events = map(list, zip(*announcements, strict=True))
    places = list(range(len(ids)))
    transaction.rows(NOTE, ids, moments, places, events, sender, HOLD_S)


def take(transaction: Transaction, sender: str, most: int) -> list[Announcement]:
    """The oldest that wait for ``sender`` or for anybody, its own to send from now on."""
    rows = transaction.rows(TAKE, sender, HOLD_S, most)
    taken = [(Announcement(*columns), place) for *columns, place in rows]
    return [one for one, _ in sorted(taken, key=lambda pair: (pair[0].occurred_at, pair[1]))]


def sent(transaction: Transaction, ids: Iterable[str]) -> None:
    """Forget these."""
    transaction.rows(SENT, list(ids))
