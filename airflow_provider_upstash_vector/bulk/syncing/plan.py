"""The plan of a sync: counts, hashes of the ids to be written, and samples; and how two plans differ. Pure."""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b, sha256
from typing import Any

_VERSION = 1
_ID_BYTES = 8
_MAX_SHOWN_CHARS = 60
_WORDS = {
    "added": "ids that are only in the source",
    "changed": "another content",
    "metadata_only": "other metadata",
    "adopted": "equal, without a fingerprint",
    "deleted": "ids that are only in the index",
    "unchanged": "",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sync would write: ``counts``, and the hashes of the ids as base64, by action.

    ``identity`` is what is synced and how, ``source`` a digest of all rows. ``started`` is set once an apply has
    compared it: then some of its writes may have been made.
    """

    identity: dict[str, Any]
    source: str
    counts: dict[str, int]
    ids: dict[str, str]
    samples: dict[str, list[str]] = field(default_factory=dict)
    started: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        return {"sync_plan": _VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Plan | None:
        """Return the plan that was saved, or ``None`` if the values are not one."""
        values: dict[str, Any] = {name: state.get(name) for name in cls.__dataclass_fields__}
        kinds = (dict, str, dict, dict, dict, bool)
        if state.get("sync_plan") != _VERSION or tuple(map(type, values.values())) != kinds:
            return None
        try:
            for ids in values["ids"].values():
                _hashes(ids)
        except (TypeError, ValueError):
            return None
        return cls(**values)

    def difference(self, now: Plan) -> str | None:
        """Return how ``now``, computed again, differs from this approved plan; ``None`` if it may be applied.

        If this one was ``started``, what was written by then is unchanged now.
        """
        if self.identity != now.identity:
            names = [name for name in now.identity if self.identity.get(name) != now.identity[name]]
            return f"it is of a sync with another {' and '.join(names) or 'set of options'}"
        if self.source != now.source:
            return "the rows have changed"
        for action, count in now.counts.items():
            planned = self.counts.get(action, 0)
            if count > planned or (not self.started and count != planned):
                return f"{action}: {planned:,} vectors in the plan, {count:,} now"
            of_plan = iter(_hashes(self.ids.get(action, "")))
            if not all(id in of_plan for id in _hashes(now.ids[action])):  # as both are in the order of the ids
                return f"{action}: other ids than in the plan"
        return None


def digest_of(parts: Iterable[str | bytes]) -> str:
    """Return a digest of texts or bytes in their order."""
    digest = sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()


def ids_of(ids: Iterable[str]) -> str:
    """Return the hashes of ids as base64."""
    return b64encode(b"".join(blake2b(id.encode(), digest_size=_ID_BYTES).digest() for id in ids)).decode()


def _hashes(ids: str) -> array[int]:
    return array("Q", b64decode(ids, validate=True))


def to_markdown(title: str, counts: Mapping[str, int], samples: Mapping[str, Iterable[str]]) -> str:
    """Return a table of the actions, for people to approve."""
    lines = [
        f"**{_cell(title, len(title))}**",
        "",
        "| action | vectors | why | for example |",
        "| --- | ---: | --- | --- |",
    ]
    for action, words in _WORDS.items():
        ids = ", ".join(f"`{_cell(id)}`" for id in samples.get(action, ()))
        lines.append(f"| {action} | {counts.get(action, 0):,} | {words} | {ids} |")
    return "\n".join(lines) + "\n"


def _cell(text: str, max_chars: int = _MAX_SHOWN_CHARS) -> str:
    """Return a text that neither ends a cell nor its code, in one line."""
    shown = text if len(text) <= max_chars else text[:max_chars] + "…"
    plain = "".join(character if character.isprintable() else "�" for character in shown)
    return plain.replace("`", "'").replace("|", "\\|")
