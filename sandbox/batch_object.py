"""A batch as the stand-in model keeps it, as it was asked for and as it is shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.batch_lines import Asked, Problem
from sandbox.uploads import life_s_in

WAITING = ("validating", "in_progress", "finalizing", "cancelling")
_ENDS = ("completed", "failed", "expired", "cancelled")
_ENDPOINTS = {"/v1/chat/completions"}
_WINDOW_S = 86_400
_OUTPUT_LIFE_S = 30 * 86_400
_MOST_PAIRS, _MOST_NAME, _MOST_VALUE = 16, 64, 512


@dataclass(frozen=True)
class Order:
    """A request for a batch."""

    input_file_id: str
    endpoint: str
    metadata: Mapping[str, str] | None
    output_life_s: int


@dataclass
class Batch:
    """One batch as the stand-in keeps it; ``moments_s`` tells when it took which status."""

    id: str
    order: Order
    created_s: int
    asked: list[Asked]
    problems: list[Problem]
    hidden_looks: int
    status: str = "validating"
    looks: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int = 0
    failed: int = 0
    moments_s: dict[str, int] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, Any]:
        """The batch object of the API."""
        errors = {"object": "list", "data": self.problems}
        counts = {"total": len(self.asked), "completed": self.completed, "failed": self.failed}
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.order.endpoint,
            "model": self.asked[0].body.get("model") if self.asked else None,
            "errors": errors if self.status == "failed" else None,
            "input_file_id": self.order.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_s,
            "expires_at": self.created_s + _WINDOW_S,
            "request_counts": counts,
            "metadata": self.order.metadata,
        } | {f"{moment}_at": self.moments_s.get(moment) for moment in (*WAITING[1:], *_ENDS)}


def order_in(body: bytes) -> Order:
    """Read a request for a batch.

    Raises:
        ValueError: it is none, or one that the API refuses at once.
    """
    try:
        said = json.loads(body)
        expires_after = said.get("output_expires_after")
        if said["endpoint"] not in _ENDPOINTS or said["completion_window"] != "24h":
            raise ValueError("no such endpoint or completion_window")
        return Order(
            input_file_id=str(said["input_file_id"]),
            endpoint=said["endpoint"],
            metadata=_checked(said.get("metadata")),
            output_life_s=life_s_in(expires_after) if expires_after else _OUTPUT_LIFE_S,
        )
    except (KeyError, TypeError, AttributeError) as reason:
        raise ValueError(f"not a batch: {reason}") from reason


def _checked(metadata: Mapping[str, str] | None) -> Mapping[str, str] | None:
    pairs = metadata.items() if metadata else ()
    if len(pairs) > _MOST_PAIRS or not all(
        isinstance(value, str) and len(name) <= _MOST_NAME and len(value) <= _MOST_VALUE
        for name, value in pairs
    ):
        raise ValueError("metadata is at most 16 pairs of names and short texts")
    return metadata
