"""Files of signatures from other members, and of the key of an epoch."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stillwatch.records.errors import InputError, plainly
from stillwatch.records.signatures.form import Signature
from stillwatch.records.sketches import Key
from stillwatch.records.sources import STREAM_ERRORS, find_files, open_chunks

ONE, SEVERAL = "1", "2 or more"
"""How many other members stand behind a signature."""
LONGEST_LINE = 1 << 14
LONGEST_ID = 200
NEVER = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Shared:
    """A signature that another member shared. `valid_until`: microseconds since the epoch, `NEVER` for no end."""

    id: str
    signature: Signature
    key: Key
    valid_until: int
    several: bool


@dataclass(frozen=True)
class SharedFile:
    """Signatures by id, and what was left out: lines by reason, ids that were there already."""

    signatures: tuple[Shared, ...]
    rejected: Mapping[str, int]
    repeated: int


@dataclass(frozen=True)
class EpochKey:
    """The forum's template key of an epoch."""

    number: int
    key: Key


def _key(text: object) -> Key:
    if not isinstance(text, str):
        raise ValueError("no key")
    try:
        return Key(base64.b64decode(text, validate=True))
    except (binascii.Error, InputError, ValueError):
        raise ValueError("key is not 16 bytes in base64") from None


def _microseconds(text: object) -> int:
    if text is None:
        return NEVER
    if not isinstance(text, str):
        raise ValueError("valid_until is not a time")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("valid_until is not a time") from None
    if moment.tzinfo is None:
        raise ValueError("valid_until has no time zone")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _shared(line: bytes) -> Shared:
    """One line; ValueError says in a few words what is wrong with it, without its content."""
    if len(line) > LONGEST_LINE:
        raise ValueError("line too long")
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(row, dict):
        raise ValueError("not an object")
    name, text, behind = row.get("id"), row.get("signature"), row.get("corroboration")
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_ID or not name.isprintable():
        raise ValueError("no id")
    if not isinstance(text, str):
        raise ValueError("no signature")
    if behind not in (ONE, SEVERAL):
        raise ValueError(f"corroboration is neither {ONE!r} nor {SEVERAL!r}")
    try:
        signature = Signature.parse(text)
    except ValueError:
        raise ValueError("not a signature of a version that is known") from None
    return Shared(
        name, signature, _key(row.get("key")), _microseconds(row.get("valid_until")), behind == SEVERAL
    )


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file; of one that is too long only so much is kept as shows that it is."""
    rest = b""
    for chunk in open_chunks(path):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        rest = rest[: LONGEST_LINE + 1]
    yield rest


def read_signatures(path: str) -> SharedFile:
    """Signatures of a file, a folder or a glob of JSON Lines, in order of their ids (docs/reference/signatures.md).

    Lines that cannot be used are counted by reason. Of lines of one id the one that holds longest and has more members
    behind it counts. Raises InputError for files that cannot be read, or when no line is a signature though there are lines.
    """
    found: dict[str, Shared] = {}
    rejected: Counter[str] = Counter()
    repeated = 0
    for file in find_files(path).files:
        try:
            for line in _lines(file.path):
                if not line.strip():
                    continue
                try:
                    one = _shared(line)
                except ValueError as error:
                    rejected[str(error)] += 1
                    continue
                repeated += one.id in found
                found[one.id] = max(one, found.get(one.id, one), key=_rank)
        except STREAM_ERRORS as error:
            raise InputError(
                f"cannot be read ({plainly(error)})",
                where=str(file.path),
                mend="give JSON Lines of signatures",
            ) from error
    if rejected and not found:
        reason, n = rejected.most_common(1)[0]
        raise InputError(
            f"holds no template signature ({n:,} lines: {reason})",
            where=path,
            mend="give what `stillwatch node sync --out` wrote, or lines as docs/reference/signatures.md has them",
        )
    return SharedFile(tuple(found[name] for name in sorted(found)), dict(sorted(rejected.items())), repeated)


def _rank(one: Shared) -> tuple[int, bool, str, bytes]:
    return one.valid_until, one.several, str(one.signature), one.key.secret


def read_epoch_key(path: Path) -> EpochKey:
    """The key of an epoch, {"number", "template_key"} in JSON. Raises InputError for anything else."""
    mend = "give the file epoch.json of the node's folder"
    try:
        row: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"cannot read the key of the epoch ({plainly(error) if isinstance(error, OSError) else 'not JSON'})",
            where=str(path),
            mend=mend,
        ) from error
    number = row.get("number") if isinstance(row, dict) else None
    if type(number) is not int or not 1 <= number <= 999_999_999:
        raise InputError("this is no key of an epoch: no number", where=str(path), mend=mend)
    try:
        return EpochKey(number, _key(row.get("template_key")))
    except ValueError as error:
        raise InputError(f"this is no key of an epoch: {error}", where=str(path), mend=mend) from None
