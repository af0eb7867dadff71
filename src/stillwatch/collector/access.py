"""Who may send: bearer tokens (RFC 6750)."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from pathlib import Path

from stillwatch.records.errors import InputError, plainly

_LEAST_TOKEN = 16
# RFC 6750, section 2.1: b64token.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class Tokens:
    """Tokens that are let in; any of them will do, so that an old and a new one can be valid at the same time."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._digests = [_digest(token) for token in tokens]

    @classmethod
    def load(cls, path: Path) -> "Tokens":
        """Read a file with one token a line. Raises InputError where it holds none, or one that is no token."""
        where = str(path)
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"the token file can't be read ({plainly(error)})",
                where=where,
                mend="give its path with --token-file",
            ) from None
        tokens = [line.strip() for line in lines if line.strip()]
        if not tokens:
            raise InputError(
                "the token file holds no token",
                where=where,
                mend="write one a line, as `openssl rand -hex 32` makes",
            )
        for number, token in enumerate(tokens, 1):
            if len(token) < _LEAST_TOKEN or _TOKEN.fullmatch(token) is None:
                raise InputError(
                    f"token {number} has fewer than {_LEAST_TOKEN} characters, or others than letters, digits and ._~+/-",
                    where=where,
                    mend="write one as `openssl rand -hex 32` makes",
                )
        return cls(tokens)

    def admits(self, authorization: str | None) -> bool:
        """Whether a header `Authorization` carries one of the tokens. Takes as long for a wrong one as for a right one."""
        scheme, _, token = (authorization or "").partition(" ")
        given = _digest(token.strip())
        # All of them, whichever fits: which one it was is nobody's business either.
        fits = [hmac.compare_digest(given, digest) for digest in self._digests]
        return any(fits) and scheme.lower() == "bearer"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
