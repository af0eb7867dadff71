"""One connection: uvicorn's protocol with bounds that it leaves open, and with what TLS knows of the client."""

import asyncio
import hashlib
import ssl
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stillwatch.hub.bounds import (
    MAX_BODY_BYTES,
    MAX_BODY_SECONDS,
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    MAX_HEAD_SECONDS,
    STALL_SECONDS,
)

_LOOKS = 4  # looks at a stalled connection within STALL_SECONDS
# A client that is refused early hears of it when it has sent what it began: cut at once, it would see a broken connection.
_MOST_WASTED = 4 * MAX_BODY_BYTES


class Connection(HttpToolsProtocol):
    """HTTP/1.1 on one connection.

    Cut are: what comes beyond MAX_CONNECTIONS; a head or trailers of more than MAX_HEAD_BYTES, or a head that takes more
    than MAX_HEAD_SECONDS; bodies that go on for long after their answer; clients that take nothing for STALL_SECONDS.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many."""
        super().connection_made(transport)
        self._unread = self._wasted = 0
        self._in_message = False
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._tls = _tls_of(transport)
        self._within(MAX_HEAD_SECONDS)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(503, "Too many connections.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timers."""
        self._in_time()
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what the parser has to keep: the bytes since a head or a piece of body was whole."""
        if self.transport.is_closing():
            return
        if not self._in_message:
            self._within(MAX_HEAD_SECONDS)
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, "The headers are too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_message = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_time()
        if self._unread > MAX_HEAD_BYTES and self._head_size() > MAX_HEAD_BYTES:
            raise ValueError("a head that is too large came at once")
        self._unread = 0
        if self._tls is not None:
            self.scope["extensions"] = {"tls": self._tls}  # type: ignore[dict-item]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body. What comes after the answer is thrown away, within bounds."""
        self._unread = 0
        if self.cycle.response_complete:
            self._within(MAX_BODY_SECONDS)
            self._wasted += len(body)
            if self._wasted > _MOST_WASTED:
                self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_time()
        self._unread = self._wasted = 0
        self._in_message = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client is slower than we are: look whether it takes anything at all."""
        super().pause_writing()
        self._look(self.transport.get_write_buffer_size() + 1, 0)

    def resume_writing(self) -> None:
        """It has taken enough."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().resume_writing()

    def _look(self, before: int, idle: int) -> None:
        left = self.transport.get_write_buffer_size()
        idle = idle + 1 if left >= before else 0
        if idle >= _LOOKS:
            self.transport.abort()
            return
        self._watch = self.loop.call_later(STALL_SECONDS / _LOOKS, self._look, left, idle)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _within(self, seconds: float) -> None:
        """Have what is awaited come in so many seconds, unless a time is set already."""
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._late)

    def _in_time(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(408, "The request took too long.")

    def _refuse(self, status: int, problem: str) -> None:
        """Answer what never becomes a request, and close."""
        if self.transport.is_closing():
            return
        body = problem.encode()
        phrase = {408: "Request Timeout", 431: "Request Header Fields Too Large"}.get(status, "Unavailable")
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _tls_of(transport: asyncio.Transport) -> dict[str, Any] | None:
    """The connection's TLS as ASGI's TLS extension (0.2) has it; None without TLS."""
    secured: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if secured is None:
        return None
    certificate = secured.getpeercert(binary_form=True)
    name = None
    if certificate is not None:
        subject = (secured.getpeercert() or {}).get("subject", ())
        # RFC 4514 wants the last part first.
        parts = [f"{key}={value}" for group in reversed(subject) for key, value in group]
        name = ",".join(parts)
    return {
        "server_cert": None,
        "client_cert_chain": () if certificate is None else (ssl.DER_cert_to_PEM_cert(certificate),),
        "client_cert_name": name,
        "client_cert_error": None,
        "tls_version": {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}.get(secured.version() or ""),
        "cipher_suite": None,
    }


def fingerprint_of(scope: Any) -> str | None:
    """SHA-256, in hexadecimal, of the client certificate of a request; None without one."""
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain", ())
    if not chain:
        return None
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(chain[0])).hexdigest()
