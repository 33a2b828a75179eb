"""Gzip that comes in pieces: the same bytes, in pieces that stay small."""

import gzip
import zlib
from collections.abc import Generator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.gzip_pieces import inflated


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@settings(deadline=None)
@given(
    data=st.binary(max_size=300) | st.integers(0, 400_000).map(bytes),
    size=st.integers(1, 2_000),
)
def test_what_was_compressed_comes_back_however_it_is_cut(data: bytes, size: int) -> None:
    pieces = list(inflated(cut(gzip.compress(data), size)))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 64 * 1024


def test_a_bomb_goes_off_in_small_pieces() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    pieces = inflated([bomb])
    assert max(len(next(pieces)) for _ in range(100)) <= 64 * 1024


@settings(deadline=None)
@given(
    members=st.lists(st.binary(max_size=80) | st.integers(60_000, 140_000).map(bytes), max_size=4),
    size=st.integers(1, 2_000),
)
def test_every_member_of_a_stream_is_read_however_it_is_cut(
    members: list[bytes], size: int
) -> None:
    stream = b"".join(map(gzip.compress, members))
    assert b"".join(inflated(cut(stream, size))) == b"".join(members)


@given(data=st.binary(max_size=300), size=st.integers(1, 100), share=st.floats(0, 1))
def test_a_stream_that_ends_too_early_is_an_error_and_not_a_shorter_body(
    data: bytes, size: int, share: float
) -> None:
    stream = gzip.compress(data)
    left = 1 + int(share * (len(stream) - 2))
    for begun in (stream[:left], stream + stream[:left]):
        with pytest.raises(zlib.error, match="ended before"):
            list(inflated(cut(begun, size)))


def test_who_has_enough_of_a_stream_is_not_told_that_it_was_cut() -> None:
    pieces = inflated([gzip.compress(bytes(500_000))[:-20]])
    assert next(pieces) == bytes(64 * 1024)
    assert isinstance(pieces, Generator)
    pieces.close()


@pytest.mark.parametrize("more", [b"more", b"\0" * 20], ids=["words", "zeros"])
def test_what_follows_the_end_and_is_no_gzip_is_an_error(more: bytes) -> None:
    with pytest.raises(zlib.error):
        list(inflated([gzip.compress(b"words"), more]))


def test_no_byte_at_all_is_an_empty_body() -> None:
    assert list(inflated([])) == []


def test_what_is_no_gzip_is_an_error() -> None:
    with pytest.raises(zlib.error):
        list(inflated([b"no gzip at all"]))
