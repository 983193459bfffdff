"""Faults on demand: what the next requests get instead of a good answer."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

_NUMBERS: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float)}

FaultKind = Literal["status", "quota", "cut", "slow", "drip", "garbage", "huge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What the next ``times`` requests get.

    :param kind: ``"status"``: an answer with ``status``; ``"quota"``: the daily limit's 403; ``"cut"``: the
        connection is reset; ``"slow"``: the answer begins after ``seconds``; ``"drip"``: it comes a byte at a
        time, ``seconds`` apart; ``"garbage"``: 200 with ``text``; ``"huge"``: 200 with ``size_bytes``.
    :param times: how many requests get it.
    :param command: only those of this command, e.g. ``"update"``.
    :param probability: of a request to get it; all requests count.
    :param applied: carry the command out first, as when an answer is lost; ``slow`` and ``drip`` always do.
    :param status: the HTTP status of ``status``.
    :param html: with ``status``: answer as a proxy's page, not as JSON.
    :param retry_after: with ``status``: the header.
    :param partial: with ``cut``: reset it in the middle of the answer.
    :param seconds: of ``slow`` and ``drip``.
    :param headers: with ``drip``: begin with the status line, not with the body.
    :param text: the body of ``garbage``.
    :param size_bytes: the size of ``huge``'s body.
    """

    kind: FaultKind
    times: int = 1
    command: str | None = None
    probability: float = 1.0
    applied: bool = False
    status: int = 503
    html: bool = False
    retry_after: str | None = None
    partial: bool = False
    seconds: float = 0.0
    headers: bool = False
    text: str = "not what you expected"
    size_bytes: int = 17 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"kind must be one of {', '.join(get_args(FaultKind))}, got {self.kind!r}")
        for field in fields(self):
            value, wanted = getattr(self, field.name), type(field.default)
            if field.default is None and value is not None and not isinstance(value, str):
                raise ValueError(f"{field.name} must be a string, got {value!r}")
            if wanted in _NUMBERS and (isinstance(value, bool) or not isinstance(value, _NUMBERS[wanted])):
                raise ValueError(f"{field.name} must be a number, got {value!r}")
        if self.times < 1 or not 200 <= self.status <= 599 or self.seconds < 0:
            raise ValueError("times must be at least 1, status from 200 to 599, seconds not negative")

    @classmethod
    def from_json(cls, value: Any) -> Fault:
        """Return the fault that a JSON object describes; ``ValueError`` where it describes none."""
        names = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or not set(value) <= names or "kind" not in value:
            raise ValueError(f"a fault is an object with kind and any of {', '.join(sorted(names))}")
        return cls(**value)


class Faults:
    """The faults that are waiting, first come first served; safe to use from any thread."""

    def __init__(self, random_value: random.Random | None = None) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()
        self._chance = random_value or random.Random()  # noqa: S311 - not for secrets

    def add(self, *faults: Fault) -> None:
        """Let the next requests get these."""
        with self._lock:
            self._waiting.extend(faults)

    def clear(self) -> None:
        """Forget the faults that are waiting."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[dict[str, Any]]:
        """Return the faults that are waiting, as JSON objects."""
        with self._lock:
            return [asdict(fault) for fault in self._waiting]

    def take(self, command: str) -> Fault | None:
        """Return the fault that the next request of ``command`` gets, if any."""
        with self._lock:
            for position, fault in enumerate(self._waiting):
                if fault.command in {None, command}:
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._waiting[position : position + 1] = left
                    return fault if self._chance.random() < fault.probability else None
        return None
