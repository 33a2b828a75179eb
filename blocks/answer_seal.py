"""What a kept file must be to be believed: whole, under its own name, of our own writing.

A byte that flips in the words of an answer leaves an answer, of another content.
So a file is sealed when it is written: its first field is a hash of its name
and of all that follows. To every other reader it is the same JSON with a field more.
Files of versions that knew no seal are believed without one.
"""

import errno
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Final

from prefect.serializers import JSONSerializer

MAX_BYTES: Final = 256 * 1024 * 1024  # a quarter's fetched list has some 50 MB
# said of the process or the machine, and nothing of the file
_NOT_ITS_FAULT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

_JSON: Final = JSONSerializer().model_dump(mode="json")
_SEAL: Final = b'{"sha256":"%b",'
_LENGTH: Final = len(_SEAL % bytes(64))
_FIELDS: Final = {"metadata", "result"}  # of a result as Prefect writes it


class Unbelievable(ValueError):
    """There is something of this name, and it is not what this program wrote under it."""


def sealed(name: str, content: bytes) -> bytes:
    """A JSON object with its seal as a field before all others; anything else as it is."""
    if not content.startswith(b'{"'):
        return content
    return _SEAL % _digest(name, content) + content[1:]


def unsealed(name: str, content: bytes) -> bytes:
    """What :func:`sealed` was given; what bears no seal as it is.

    Raises:
        Unbelievable: what the seal was made for has changed, or stood under another name.
    """
    if not content.startswith(_SEAL[:11]):
        return content
    seal, rest = content[:_LENGTH], b"{" + content[_LENGTH:]
    if seal != _SEAL % _digest(name, rest):
        raise Unbelievable("its seal does not fit its content and name")
    return rest


def result_in(name: str, content: bytes) -> bytes:
    """The result that Prefect wrote as JSON under this name.

    A result names the serializer that is to read it, and one of them runs code;
    so one that names another than JSON is none.

    Raises:
        Unbelievable: it is no such result.
    """
    result = unsealed(name, content)
    try:
        record = json.loads(result)
        serializer = record["metadata"]["serializer"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unbelievable(f"it is no result: {error!r}") from error
    if serializer != _JSON:
        raise Unbelievable(f"it is to be read by {serializer}, and only JSON is read here")
    if record.keys() != _FIELDS:
        raise Unbelievable(f"its fields are {', '.join(record)}")
    return result


def bytes_of(path: Path) -> bytes:
    """The content of a file, however it may have come there.

    Raises:
        FileNotFoundError: there is nothing of this name.
        Unbelievable: it is no file, is larger than any of ours, or cannot be read.
        OSError: it cannot be told, and that is not the file's fault.
    """
    try:
        return _bytes_of(path)
    except OSError as error:
        if error.errno == errno.ENOENT or error.errno in _NOT_ITS_FAULT:
            raise
        link = error.errno == errno.ELOOP
        raise Unbelievable("it is a link and no file" if link else str(error)) from error


def _bytes_of(path: Path) -> bytes:
    # neither a link's target nor, for ever, whoever is to fill a pipe
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Unbelievable("it is no file")
        if found.st_size > MAX_BYTES:
            raise Unbelievable(f"it has {found.st_size} bytes")
        return file.read()


def _digest(name: str, content: bytes) -> bytes:
    return hashlib.sha256(b"%b\0%b" % (name.encode(), content)).hexdigest().encode()
