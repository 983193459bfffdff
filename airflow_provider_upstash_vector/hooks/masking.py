"""The token, registered with what masks secrets in Airflow's logs, as it is sent and in the spellings of HTTP."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

try:
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 2
    from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]

# Of anything shorter, every occurrence would be masked; Airflow itself warns of it.
_MIN_CHARS = 6


def mask_token(token: str) -> None:
    """Mask a token in logs and rendered fields; Airflow knows only the spelling in which it is stored."""
    if len(token) >= _MIN_CHARS:
        encoded = (base64.b64encode(text.encode()).decode().rstrip("=") for text in (token, f"Bearer {token}"))
        spellings: Any = [token, quote(token, safe=""), *encoded]  # Any: a list[str] is no list[JsonValue]
        mask_secret(spellings)
