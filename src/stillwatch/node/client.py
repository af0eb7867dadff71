"""Asking the hub: who we are, how long we wait, what is tried again."""

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import httpx
import msgspec

from stillwatch.node.folder import Folder
from stillwatch.records.errors import InputError

TAXII = "application/taxii+json;version=2.1"
ATTEMPTS = 5
LONGEST_WAIT_S = 20.0
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_ASK = "ask the forum what its hub sends"
_UNANSWERED = 2
"""How often a hub that takes a request and says nothing is waited for."""
STREAM_TIMEOUT = httpx.Timeout(45.0, connect=5.0)
"""Longer than the hub's heartbeat, which comes every 15 s."""
_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))
MOST_ANSWER = 64 << 20
"""Bytes of one answer: several of the hub's largest pages, and far from all memory."""
MOST_ANSWER_S = 300.0
"""How long one answer may take to come, for a hub that sends a byte now and then."""

_T = TypeVar("_T")


class _Token(msgspec.Struct):
    """RFC 6749, section 5.1."""

    access_token: str
    expires_in: float = 300.0


class UnreachableError(Exception):
    """The hub can't be reached, or can't answer now."""


class RefusedError(InputError):
    """The hub refused a request: `status`, and what it said."""

    def __init__(self, status: int, said: str, where: str) -> None:
        self.status = status
        mend = {
            401: "check the credentials; the hub may have revoked them",
            403: "ask the forum for the right",
            404: "check the hub's URL and the id",
            409: "see the hub's answer",
        }.get(status, "mend what the hub names")
        super().__init__(f"the hub refused it ({status}): {said}", where=where, mend=mend)


class Client:
    """Connections to one hub as one member; safe to use from several threads."""

    def __init__(self, folder: Folder, wait: Callable[[float], None] = time.sleep) -> None:
        trust = folder.trust
        verify: ssl.SSLContext | bool = True
        if trust.ca is not None or folder.certificate is not None:
            verify = ssl.create_default_context(cafile=trust.ca)
            if folder.certificate is not None:
                verify.load_cert_chain(*folder.certificate)
        self.url = trust.url
        self._credentials = folder.credentials
        self._token: tuple[str, float] | None = None
        self.wait = wait
        self._guard = threading.Lock()
        self._streams: set[socket.socket] = set()
        # Proxies of the environment are for the web; a hub is named by its member.
        self._http = httpx.Client(
            base_url=trust.url,
            timeout=TIMEOUT,
            verify=verify,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def json(self, method: str, path: str, form: type[_T], *, body: object = None, **query: Any) -> _T:
        """A JSON document of a form. Raises as `ask`, and InputError for another form."""
        return _read(self.ask(method, path, body=body, **query), form, f"{method} {path}")

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        attempts: int = ATTEMPTS,
        **query: Any,
    ) -> httpx.Response:
        """An answer that is not an error. What may be sent twice is tried again; everything that a node sends is such."""
        params = {name: value for name, value in query.items() if value is not None}
        last, unanswered = "no answer", 0
        for attempt in range(attempts):
            if attempt:
                self.wait(min(LONGEST_WAIT_S, 0.2 * 2**attempt) * random.uniform(0.5, 1.0))
            try:
                sent = {**self._authorization(), **(headers or {})}
                answer = self._answer(method, path, params=params, content=raw, json=body, headers=sent)
            except httpx.HTTPError as error:
                last = str(error) or type(error).__name__
                unanswered += isinstance(error, httpx.ReadTimeout)
                if unanswered == _UNANSWERED:
                    break
                continue
            if answer.status_code == 401 and self._token is not None:
                self._token = None
                continue
            if answer.status_code in _AGAIN:
                last = f"status {answer.status_code}"
                told = answer.headers.get("retry-after", "")
                if told.isdecimal() and attempt + 1 < attempts:
                    self.wait(min(float(told), LONGEST_WAIT_S))
                continue
            if answer.is_error:
                raise RefusedError(answer.status_code, _said(answer), f"{method} {path}")
            return answer
        raise UnreachableError(f"{self.url}: {last}")

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str], **query: object) -> Iterator[Iterator[bytes]]:
        """Pieces of an answer that does not end. Raises RefusedError or UnreachableError, while it is read as well."""
        params: Any = {name: value for name, value in query.items() if value is not None}
        try:
            with self._http.stream(
                "GET",
                path,
                params=params,
                headers={**self._authorization(), **headers},
                timeout=STREAM_TIMEOUT,
            ) as answer:
                if answer.is_error:
                    told = _whole(answer)
                    if answer.status_code in _AGAIN or (
                        answer.status_code == 401 and self._token is not None
                    ):
                        self._token = None
                        raise UnreachableError(f"{self.url}: status {answer.status_code}")
                    raise RefusedError(answer.status_code, _said(told), f"GET {path}")
                connection = answer.extensions["network_stream"].get_extra_info("socket")
                with self._guard:
                    self._streams.add(connection)
                try:
                    yield answer.iter_raw()
                finally:
                    with self._guard:
                        self._streams.discard(connection)
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self.url}: {error or type(error).__name__}") from None

    def end_streams(self) -> None:
        """Have streams that other threads read end now."""
        with self._guard:
            for connection in self._streams:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, method: str, path: str, **given: Any) -> httpx.Response:
        """A whole answer, whatever its status. Raises httpx.HTTPError, and InputError for one that is too long."""
        with self._http.stream(method, path, **given) as answer:
            return _whole(answer)

    def _authorization(self) -> dict[str, str]:
        oauth2, basic = self._credentials.get("oauth2", {}), self._credentials.get("basic")
        if basic is not None:
            token = httpx.BasicAuth(basic["username"], basic["password"])
            return {"Authorization": token._auth_header}
        now = time.monotonic()
        if self._token is None or now >= self._token[1]:
            answer = self._answer(
                "POST",
                "/oauth2/token",
                data={"grant_type": "client_credentials"},
                auth=(oauth2["client_id"], oauth2["client_secret"]),
            )
            if answer.status_code in _AGAIN:
                raise httpx.TransportError(f"status {answer.status_code}")
            if answer.is_error:
                raise RefusedError(answer.status_code, _said(answer), "POST /oauth2/token")
            said = _read(answer, _Token, "POST /oauth2/token")
            self._token = said.access_token, now + max(0.0, said.expires_in - 30)
        return {"Authorization": f"Bearer {self._token[0]}"}


def _whole(answer: httpx.Response) -> httpx.Response:
    """An answer with all that it holds: a hub must not fill our memory, or keep us for ever."""
    where = f"{answer.request.method} {answer.request.url.path}"
    if answer.headers.get("content-encoding", "identity") != "identity":
        # It would be small here and anything at all unpacked.
        raise InputError("the hub's answer is packed, and was not asked to be", where=where, mend=_ASK)
    begun, size, pieces = time.monotonic(), 0, []
    for piece in answer.iter_raw():
        size += len(piece)
        if size > MOST_ANSWER:
            raise InputError(f"the hub's answer is longer than {MOST_ANSWER:,} bytes", where=where, mend=_ASK)
        if time.monotonic() - begun > MOST_ANSWER_S:
            raise httpx.ReadTimeout(f"the answer is not whole after {MOST_ANSWER_S:.0f} s")
        pieces.append(piece)
    return httpx.Response(
        answer.status_code, headers=answer.headers, content=b"".join(pieces), request=answer.request
    )


def _read(answer: httpx.Response, form: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(answer.content, type=form)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise InputError(
            "the hub's answer can't be read", where=where, mend="ask the forum which version its hub has"
        ) from None


def _said(answer: httpx.Response) -> str:
    """What an error's document says, in short."""
    try:
        document = answer.json()
        parts = [document.get(name) for name in ("title", "description", "error_description", "error")]
    except (ValueError, AttributeError):
        parts = []
    told = ": ".join(dict.fromkeys(str(part) for part in parts if part))
    return (told or answer.reason_phrase or "no reason given")[:300]
