"""The async transport for use with a proxy, over aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from airflow_provider_upstash_vector.client.errors import ConnectionFailed, ResponseTimeout, UpstashVectorError
from airflow_provider_upstash_vector.client.redaction import without_frames
from airflow_provider_upstash_vector.client.transports.base import (
    SharedTlsContext,
    TransportSettings,
    check_size,
    connection_failed,
    response_lost,
)
from airflow_provider_upstash_vector.client.wire import Response

_KEEP_ALIVE_SECONDS = 60.0
_CHUNK_BYTES = 64 * 1024


class AiohttpTransport:
    """Sends requests with aiohttp; bound to one event loop."""

    def __init__(self, settings: TransportSettings) -> None:
        self._settings = settings
        proxy = settings.proxy
        self._proxy = proxy.url if proxy else None
        # a proxy receives its credentials with CONNECT, or with the request that it forwards
        self._tunnel_headers = proxy.headers if proxy and settings.base_url.startswith("https:") else {}
        self.use_headers(settings.headers)
        # for the tunnel, or for a proxy with an https URL
        self._tls = SharedTlsContext()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.max_connections,
                keepalive_timeout=_KEEP_ALIVE_SECONDS,
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        """POST ``body`` to ``path``; see :class:`~.base.AsyncTransport`."""
        failure: UpstashVectorError
        tls = await self._tls.get()
        connect = min(timeout_seconds, self._settings.connect_timeout_seconds)
        try:
            async with self._session.post(
                URL(self._settings.base_url + path, encoded=True),
                data=body,
                # not headers of the session: aiohttp sends those, with the token, to the proxy as well
                headers=self._headers,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_headers=self._tunnel_headers,
                ssl=tls,
                timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=connect),
            ) as response:
                return Response(response.status, response.headers, await _read(response))
        except aiohttp.ClientHttpProxyError as error:
            reason = self._settings.redactor.redact(f"{error.status} {error.message}")
            failure = ConnectionFailed(f"cannot connect: {reason}")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            failure = connection_failed(error, self._settings.redactor)
        except asyncio.TimeoutError:
            failure = ResponseTimeout(f"no complete response within {timeout_seconds:g} s")
        except (aiohttp.ClientError, ValueError) as error:  # ValueError: a content length beyond int()
            failure = response_lost(error, self._settings.redactor)
        except BaseException as interruption:  # noqa: BLE001 - raised again
            raise without_frames(interruption)  # noqa: B904 - the same error
        raise failure  # outside the except block: aiohttp's errors hold the headers of the request

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send the next requests with these headers."""
        proxy = self._settings.proxy
        self._headers = {**headers, **(proxy.headers if proxy and not self._tunnel_headers else {})}

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    check_size(response.content_length or 0)
    if response.content_length is not None:
        return await response.read()
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        check_size(size)
        chunks.append(chunk)
    return b"".join(chunks)
