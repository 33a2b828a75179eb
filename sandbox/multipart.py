"""Reading multipart/form-data, as a browser or an SDK uploads a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser

_BREAK = b"\r\n"


@dataclass(frozen=True)
class Part:
    """One field of a form; ``filename`` is empty where the field is no file."""

    name: str
    filename: str
    content: bytes


def parts_of(content_type: str, body: bytes) -> dict[str, Part]:
    """The fields of a form by name, their content to the byte.

    Raises:
        ValueError: it is not a whole form of this content type.
    """
    return {part.name: part for part in _parts(content_type, body)}


def _parts(content_type: str, body: bytes) -> Iterator[Part]:
    boundary = _with_header("Content-Type", content_type).get_param("boundary")
    if not isinstance(boundary, str):
        raise ValueError(f"{content_type!r} names no boundary of a form")  # noqa: TRY004  # a value, sent so
    _, *sections = (_BREAK + body).split(_BREAK + b"--" + boundary.encode())
    if not sections or not sections.pop().startswith(b"--"):
        raise ValueError("the form ends before its closing boundary")
    for section in sections:
        head, separator, content = section.partition(_BREAK * 2)
        if not separator:
            raise ValueError("a part of the form has no head")
        yield _part(BytesParser().parsebytes(head.lstrip() + _BREAK * 2), content)


def _part(head: Message, content: bytes) -> Part:
    name = head.get_param("name", header="Content-Disposition")
    if not isinstance(name, str):
        raise ValueError("a part of the form has no name")  # noqa: TRY004  # a value, sent so
    return Part(name, head.get_filename() or "", content)


def _with_header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message
