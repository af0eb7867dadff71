"""Members, and what lets them in: Basic, access tokens (RFC 6749), certificates (RFC 8705)."""

import hashlib
import re
import uuid
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stillwatch.hub import times
from stillwatch.hub.credentials import NOBODY, Kept, new_name, new_secret
from stillwatch.hub.database import Database, Line
from stillwatch.hub.lately import Lately
from stillwatch.hub.limits import TOKEN_SECONDS
from stillwatch.hub.model import Limits, Member
from stillwatch.records.errors import InputError

_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")
_FIELDS = "m.member_id, m.name, m.revoked, m.requests_per_minute, m.objects_per_day, m.bytes_per_day"


def _member(line: Line) -> Member:
    return Member(line[0], line[1], line[2] is not None, Limits(*line[3:6]))


class Members:
    """The members of one hub. What is told of one is at most half a second old."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._let_in: Lately[tuple[str, str, bytes], Member | None] = Lately()
        self._known: Lately[str, Member | None] = Lately()
        self._numbers: dict[str, int] = {}

    def add(self, name: str, limits: Limits | None = None) -> dict[str, Any]:
        """Add a member; its id and its secrets, which nobody can find out again. Raises InputError."""
        if _NAME.fullmatch(name) is None:
            raise InputError(
                "a member's name has 1 to 100 characters, no control characters and no space at its ends",
                where="name",
                mend="give another name",
            )
        limits = limits or Limits()
        member_id = str(uuid.uuid4())
        username, client = new_name("member"), new_name("client")
        (password, kept_password), (secret, kept_secret) = new_secret(), new_secret()
        with self._database.write() as tx:
            if tx.one("SELECT 1 FROM members WHERE name = ?", (name,)):
                raise InputError(f"there is a member '{name}' already", mend="give another name")
            (number,) = tx.query("SELECT COALESCE(MAX(number), 0) + 1 FROM members")[0]
            tx.execute(
                "INSERT INTO members (number, member_id, name, added, requests_per_minute, objects_per_day, bytes_per_day)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    member_id,
                    name,
                    times.now(),
                    limits.requests_per_minute,
                    limits.objects_per_day,
                    limits.bytes_per_day,
                ),
            )
            tx.insert(
                "credentials",
                ("kind", "name", "member", "salt", "digest"),
                [
                    ("basic", username, number, kept_password.salt, kept_password.digest),
                    ("oauth2", client, number, kept_secret.salt, kept_secret.digest),
                ],
            )
        return {
            "member_id": member_id,
            "basic": {"username": username, "password": password},
            "oauth2": {"client_id": client, "client_secret": secret},
        }

    def revoke(self, name_or_id: str) -> None:
        """Let a member in no more. What it shared stays. Raises InputError where there is none."""
        with self._database.write() as tx:
            number, _ = self._find(tx.query, name_or_id)
            tx.execute(
                "UPDATE members SET revoked = ? WHERE number = ? AND revoked IS NULL", (times.now(), number)
            )
            tx.execute("DELETE FROM tokens WHERE member = ?", (number,))
        self._forget()

    def all(self) -> list[Member]:
        """All members, revoked ones too, in the order in which they were added."""
        return [
            _member(line) for line in self._database.query(f"SELECT {_FIELDS} FROM members m ORDER BY number")
        ]

    def member(self, member_id: str) -> Member | None:
        """One member by its id."""

        def look_up() -> Member | None:
            line = self._database.one(f"SELECT {_FIELDS} FROM members m WHERE member_id = ?", (member_id,))
            return None if line is None else _member(line)

        return self._known.get(member_id, look_up)

    def number(self, member: Member) -> int:
        """The number by which the store knows a member."""
        if member.member_id not in self._numbers:
            line = self._database.one("SELECT number FROM members WHERE member_id = ?", (member.member_id,))
            if line is None:
                raise InputError("there is no such member", where=member.member_id)
            self._numbers[member.member_id] = line[0]
        return self._numbers[member.member_id]

    def by_secret(self, kind: str, name: str, secret: str) -> Member | None:
        """The member with these credentials (`basic` or `oauth2`); None where they are wrong, or it is revoked."""
        return self._let_in.get((kind, name, _short(secret)), lambda: self._held(kind, name, secret))

    def _held(self, kind: str, name: str, secret: str) -> Member | None:
        line = None
        # No credential has a NUL in its name, and PostgreSQL can't even be asked.
        if "\0" not in name and _is_text(name):
            line = self._database.one(
                f"SELECT {_FIELDS}, c.salt, c.digest FROM credentials c JOIN members m ON m.number = c.member"
                " WHERE c.kind = ? AND c.name = ?",
                (kind, name),
            )
        fits = (Kept(line[6], line[7]) if line else NOBODY).fits(secret)
        return _member(line) if line and fits and line[2] is None else None

    def issue(self, client_id: str, client_secret: str) -> tuple[str, int] | None:
        """Return an access token for client credentials (RFC 6749, section 4.4), and the seconds that it lives."""
        member = self.by_secret("oauth2", client_id, client_secret)
        if member is None:
            return None
        number, now = self.number(member), times.now()
        name, (secret, kept) = new_name("token"), new_secret()
        with self._database.write() as tx:
            tx.execute("DELETE FROM tokens WHERE expires < ?", (now,))
            tx.execute(
                "INSERT INTO tokens (name, member, salt, digest, expires) VALUES (?, ?, ?, ?, ?)",
                (name, number, kept.salt, kept.digest, now + TOKEN_SECONDS * times.MICROSECONDS),
            )
        return f"{name}.{secret}", TOKEN_SECONDS

    def by_token(self, token: str) -> Member | None:
        """The member that holds an access token; None where it is wrong or too old, or the member revoked."""
        return self._let_in.get(("token", "", _short(token)), lambda: self._holding(token))

    def _holding(self, token: str) -> Member | None:
        name, _, secret = token.partition(".")
        line = None
        if "\0" not in name and _is_text(name):
            line = self._database.one(
                f"SELECT {_FIELDS}, t.salt, t.digest FROM tokens t JOIN members m ON m.number = t.member"
                " WHERE t.name = ? AND t.expires > ?",
                (name, times.now()),
            )
        fits = (Kept(line[6], line[7]) if line else NOBODY).fits(secret)
        return _member(line) if line and fits and line[2] is None else None

    def bind(self, name_or_id: str, pem: bytes) -> str:
        """Let a certificate stand for a member; the hexadecimal SHA-256 of its DER form. Raises InputError."""
        try:
            der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        except ValueError:
            raise InputError(
                "no certificate in PEM form", mend="give a file that begins with -----BEGIN"
            ) from None
        fingerprint = hashlib.sha256(der).hexdigest()
        with self._database.write() as tx:
            number, _ = self._find(tx.query, name_or_id)
            held = tx.one(
                "SELECT member FROM credentials WHERE kind = 'certificate' AND name = ?", (fingerprint,)
            )
            if held and held[0] != number:
                raise InputError("another member has this certificate", mend="make one for each member")
            if not held:
                # A certificate is no secret: who shows it has proven to TLS that it holds the key.
                tx.insert(
                    "credentials",
                    ("kind", "name", "member", "salt", "digest"),
                    [("certificate", fingerprint, number, b"", bytes.fromhex(fingerprint))],
                )
        self._forget()
        return fingerprint

    def by_certificate(self, fingerprint: str) -> Member | None:
        """The member of a certificate, by its fingerprint as `bind` returns it; None where it is revoked."""

        def look_up() -> Member | None:
            line = self._database.one(
                f"SELECT {_FIELDS} FROM credentials c JOIN members m ON m.number = c.member"
                " WHERE c.kind = 'certificate' AND c.name = ?",
                (fingerprint.lower(),),
            )
            return _member(line) if line and line[2] is None else None

        return self._let_in.get(("certificate", fingerprint, b""), look_up)

    def _find(self, query: Any, name_or_id: str) -> tuple[int, str]:
        found = query(
            "SELECT number, member_id FROM members WHERE member_id = ? OR name = ? ORDER BY member_id <> ?",
            (name_or_id, name_or_id, name_or_id),
        )
        if not found:
            raise InputError(f"there is no member '{name_or_id}'", mend="give a member's name or id")
        return found[0][0], found[0][1]

    def _forget(self) -> None:
        self._let_in.forget()
        self._known.forget()


def _short(secret: str) -> bytes:
    """What stands for a secret in memory."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _is_text(name: str) -> bool:
    """Whether a string has a UTF-8 form: what a client sends may hold half a surrogate pair."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
