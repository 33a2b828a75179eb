"""Gzip as it comes over the line: no piece becomes large, however well it was compressed. Pure."""

import zlib
from collections.abc import Iterable, Iterator

_GZIP = zlib.MAX_WBITS | 16
_MOST_BYTES = 64 * 1024


def inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What the pieces of a gzip stream hold, in pieces of at most 64 KiB.

    httpx inflates what it received as a whole, and 64 KiB may become 64 MiB; and
    it takes a stream that was cut for a whole one. A stream may have several
    members (RFC 1952), and is over where its pieces are. No byte at all is an
    empty body, as errors have it.

    Raises:
        zlib.error: that is no gzip, a spoilt one, or one that ends too early; who
            stops before the end is not told.
    """
    member = None
    for piece in pieces:
        waiting, is_full = piece, False
        while waiting or is_full:
            if member is None:
                member = zlib.decompressobj(_GZIP)
            part = member.decompress(waiting, _MOST_BYTES)
            waiting = member.unused_data or member.unconsumed_tail
            is_full = len(part) == _MOST_BYTES and not member.eof
            if member.eof:
                member = None
            yield part
    if member is not None:
        raise zlib.error("the line ended before the compressed answer did")
