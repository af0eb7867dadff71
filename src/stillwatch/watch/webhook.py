"""One event to one receiver, signed as the Standard Webhooks specification says (version 1 of its symmetric signatures)."""

import base64
import binascii
import hashlib
import hmac
import http.client
import ipaddress
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from stillwatch.records.errors import InputError

TIMEOUT = 15
"""Seconds: the specification recommends 15 to 30."""
LEAST, MOST = 24, 64
"""Bytes of a secret, by the specification."""
PREFIX = "whsec_"
GONE = 410
"""Status by which a receiver says that it wants no more."""


def read_secret(path: Path) -> bytes:
    """The secret in a file: `whsec_` and base64. Raises InputError for anything else."""
    try:
        text = path.read_text("ascii").strip()
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except OSError as error:
        raise InputError(
            f"cannot read the secret of the webhook ({error.strerror})",
            where=str(path),
            mend="give another file",
        ) from None
    except (UnicodeDecodeError, binascii.Error):
        secret = b""
        text = ""
    if not text.startswith(PREFIX) or not LEAST <= len(secret) <= MOST:
        raise InputError(
            f"this is no secret of a webhook: it is written {PREFIX} and {LEAST} to {MOST} bytes in base64",
            where=str(path),
            mend="make one, say from 32 random bytes, and give it to the receiver as well",
        )
    return secret


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def check_url(url: str) -> None:
    """Raise InputError for an address that is none, or over which events would go unencrypted to another machine.

    A name and password in it are refused, too: nothing would send them, and messages might show them.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    printable = all("!" <= sign <= "~" for sign in url)
    if parts.scheme not in ("http", "https") or not host or not printable:
        raise InputError(
            "not an address of a receiver",
            where="--webhook",
            mend="write it as https://host/path, in ASCII and without spaces",
        )
    if "@" in parts.netloc:
        raise InputError(
            "a name or password in the address is not sent",
            where="--webhook",
            mend="leave it out: the receiver knows us by the signature",
        )
    if parts.scheme == "http" and not _is_here(host):
        raise InputError(
            "events would go unencrypted",
            where="--webhook",
            mend="give an https:// address, or one on this machine",
        )


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The specification counts a redirect as a failure; a signed body goes nowhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


@dataclass(frozen=True)
class Webhook:
    """A receiver."""

    url: str
    secret: bytes = field(repr=False)

    def post(self, message_id: str, timestamp: int, body: bytes) -> tuple[int | None, str]:
        """Send one event: (status, None where there was no answer; what went wrong, empty where nothing did)."""
        request = urllib.request.Request(  # noqa: S310 - check_url lets no other scheme pass
            self.url,
            data=body,
            method="POST",
            headers={
                "content-type": "application/json",
                "user-agent": "stillwatch",
                "webhook-id": message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(self.secret, message_id, timestamp, body),
            },
        )
        try:
            with self._opener().open(request, timeout=TIMEOUT) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, f"status {error.code}"
        except OSError as error:
            reason = getattr(error, "reason", error)
            return None, str(getattr(reason, "strerror", None) or reason).lower()
        except (http.client.HTTPException, ValueError) as error:
            # Their texts quote the answer or the address.
            return None, type(error).__name__

    def _opener(self) -> urllib.request.OpenerDirector:
        if _is_here(urlsplit(self.url).hostname or ""):
            # A proxy would take the event off this machine, unencrypted.
            return urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        return urllib.request.build_opener(_NoRedirect)
