"""A model that believes whatever it is told outside of the filing, over real HTTP."""

import html
import json
import re
import unicodedata
from typing import Any, Final

from hostile_filings import PLANTED

from sandbox.completions import answer_to, question_in
from sandbox.ledger import Ledger
from sandbox.loopback import LoopbackServer, Request, Response

_UNSEEN: Final = {"Cf", "Mn"}
_LOOKALIKES: Final = str.maketrans(
    dict.fromkeys("\u2039\u3008\u27e8\u276e", "<")
    | dict.fromkeys("\u203a\u3009\u27e9\u276f", ">")
    | {"\u0456": "i", "\u0435": "e"}
)
_CLOSER: Final = re.compile(r"<\s*/\s*filing[\s_-]*text")
_TURN: Final = re.compile(
    r"<\|?\s*(?:im_start|im_end|eot_id|start_header_id|end|system|user)\s*\|?>"
    r"|<(?:start|end)_of_turn>|</?s>|\[/?(?:inst|system_prompt|tool_calls)\]|<<sys>>"
    r"|</?(?:tool_call|function_calls|invoke)\b"
)
_ORDER: Final = re.compile(
    r"ignore all previous|disregard|output bullish|\bsystem:|\{\"catalysts\""
)


def outside(message: str) -> str:
    """What of a message stands, to a careless reader, outside of the filing.

    It takes what looks like a tag for one, however it is spelt, and the marks of chat
    templates for what they are wherever they stand, as servers of local models may.
    """
    before, _, rest = _as_read(message).partition("<filing_text>")
    closer = _CLOSER.search(rest)
    inside, behind = (rest[: closer.start()], rest[closer.end() :]) if closer else (rest, "")
    turn = _TURN.search(inside)
    return before + (inside[turn.start() :] if turn else "") + behind


def _as_read(message: str) -> str:
    decoded = html.unescape(html.unescape(message)).translate(_LOOKALIKES)
    folded = unicodedata.normalize("NFKC", decoded)
    return "".join(c for c in folded if unicodedata.category(c) not in _UNSEEN).lower()


class GullibleModel(LoopbackServer):
    """Obeys any order it finds outside of the filing, and otherwise answers as the stand-in does.

    ``asked`` holds the bodies of all requests, ``fooled`` the orders it followed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: Ledger[dict[str, Any]] = Ledger()
        self.fooled: Ledger[str] = Ledger()

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"{super().url}/v1"

    def answer(self, request: Request) -> Response:
        """Answer a chat completion."""
        body = json.loads(request.body)
        self.asked.add(body)
        _, *others = body["messages"]
        order = _ORDER.search("\n".join(outside(said["content"]) for said in others))
        if order:
            self.fooled.add(order[0])
        content = PLANTED if order else answer_to(question_in(request.body))
        message = {"role": "assistant", "content": content, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return Response(json.dumps({"choices": [choice]}).encode())
