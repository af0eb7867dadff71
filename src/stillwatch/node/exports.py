"""What others take of what was received: bundles of what is new, and whole files for scans and guards.

docs/how-to/member.md tells their forms. Only what the log was found to hold gets in.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import Row
from typing import Any

import msgspec

from stillwatch.intelligence.checks import TEMPLATE_FORM
from stillwatch.intelligence.template_indicators import LIFETIME
from stillwatch.node.forum import Forum
from stillwatch.node.sources import UNSIGNED, Sources
from stillwatch.node.store import Store, now_us
from stillwatch.records.durable import replace_whole, sync_folder
from stillwatch.records.errors import InputError

MOST_OBJECTS = 10_000
"""Of one bundle: some ten megabytes, which every tool opens."""
_DAY_US = 86_400 * 1_000_000
LONGEST_US = 30 * _DAY_US
"""Life of a guard's candidate, and of a lead: what a strange source said a month ago is no reason for anything."""
SIGNATURE_US = LIFETIME // timedelta(microseconds=1)
"""Life of a signature whose author gave it no end."""
CURSOR = ".stillwatch.json"
SIGNATURES, LEADS, CANDIDATES = "signatures.jsonl", "leads.jsonl", "candidates.jsonl"

_parse = msgspec.json.Decoder(dict[str, Any]).decode
_TEMPLATE = re.compile(TEMPLATE_FORM)
_EPOCH_OF = re.compile(r"epoch=([0-9]+) ")
_ADDRESS = re.compile(
    r"\[ *ipv[46]-addr:value *(?:= *'(?P<one>[0-9a-f.:/]{2,43})'"
    r"|IN *\((?P<many>(?: *'[0-9a-f.:/]{2,43}' *,?)+)\)) *\]"
)

# The newest version of each object from others, as long as it is neither revoked, expired nor erased.
_ACTIVE = (
    "SELECT r.seq, r.stix_id, r.type, r.date_added, r.pseudonym, r.valid_until,"
    " COALESCE(r.body, (SELECT o.body FROM received o WHERE o.seq = r.same_as)) AS body,"
    " COALESCE(c.sightings, '0') AS sightings, COALESCE(c.false_positives, '0') AS false_positives,"
    " k.epoch AS epoch FROM received r"
    " LEFT JOIN corroboration c ON c.id = r.stix_id LEFT JOIN certificates k ON k.id = r.pseudonym"
    " WHERE r.type IN ('indicator', 'campaign') AND r.own = 0 AND r.settled = 1 AND r.erased = 0 AND r.revoked = 0"
    " AND r.same_as IS NULL AND (r.valid_until IS NULL OR r.valid_until > ?)"
    " AND NOT EXISTS (SELECT 1 FROM received n WHERE n.stix_id = r.stix_id AND n.settled = 1"
    " AND (n.version > r.version OR (n.version = r.version AND n.seq < r.seq AND n.erased = 0))"
    # What nobody signed withdraws what somebody did, to be safe, but does not take its place.
    " AND (n.pseudonym IS NOT NULL OR n.revoked = 1 OR r.pseudonym IS NULL))"
    " AND NOT (r.pseudonym IS NULL AND EXISTS (SELECT 1 FROM received s WHERE s.stix_id = r.stix_id AND s.settled = 1"
    " AND s.erased = 0 AND s.pseudonym IS NOT NULL))"
    " AND r.seq > ? ORDER BY r.seq LIMIT ?"
)


class Exports:
    """Writes one folder for those who use what was received."""

    def __init__(self, store: Store, forum: Forum, sources: Sources) -> None:
        self._store, self._forum, self._sources = store, forum, sources

    def write(self, out: Path) -> list[str]:
        """Write what is new since the last time, and the whole files; names of new bundles. Raises InputError."""
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = []
        after, until, began = self._cursor(out)
        while (found := self._bundle(after, until)) is not None:
            first, last, text = found
            # Said before: who is killed here writes the same one again, whatever has come meanwhile.
            self._set_cursor(out, after, began, last)
            name = f"bundle-{first}-{last}.json"
            _replace(out / name, text)
            made.append(name)
            after, until = last, None
            self._set_cursor(out, after, began)
        self._write_lists(out)
        sync_folder(out)
        return made

    def _write_lists(self, out: Path) -> None:
        """Write what holds now: all active objects, one after the other, since there may be very many."""
        context = _Context(
            now_us(),
            {epoch.number: epoch.document()["template_key"] for epoch in self._forum.epochs()},
            self._sources.wrong_ids(),
            _reporters(self._active()),
            *self._sources.means(),
        )
        lists = {SIGNATURES: bytearray(), LEADS: bytearray(), CANDIDATES: bytearray()}
        for row, item in self._active():
            if row["stix_id"] not in context.wrong:
                for name, lines in (
                    (SIGNATURES, _signatures(row, item, context)),
                    (LEADS, _leads(row, item, context)),
                    (CANDIDATES, _candidates(row, item, context)),
                ):
                    for line in lines:
                        lists[name] += msgspec.json.encode(line) + b"\n"
        for name, text in lists.items():
            _replace(out / name, text)

    def _cursor(self, out: Path) -> tuple[int, int | None, str]:
        """How far bundles were written there, how far the next one goes where it was begun, and of which log they are.

        A log that was begun anew after a fault has other numbers: all is new then.
        """
        began = str(self._store.get("began", ""))
        try:
            said = json.loads((out / CURSOR).read_text("utf-8"))
            if said["log"] == began:
                until = said.get("until")
                return int(said["seq"]), None if until is None else int(until), began
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(
                "this file can't be read", where=str(out / CURSOR), mend="remove it: bundles are written anew"
            ) from None
        return 0, None, began

    def _set_cursor(self, out: Path, seq: int, began: str, until: int | None = None) -> None:
        _replace(out / CURSOR, json.dumps({"seq": seq, "until": until, "log": began}).encode())

    def _bundle(self, after: int, until: int | None) -> tuple[int, int, bytes] | None:
        rows = self._store.all(
            "SELECT seq, body FROM received WHERE seq > ? AND settled = 1 AND own = 0 AND body IS NOT NULL"
            " AND (? IS NULL OR seq <= ?) ORDER BY seq LIMIT ?",
            (after, until, until, MOST_OBJECTS),
        )
        if not rows:
            return None
        digest = hashlib.sha256()
        for row in rows:
            digest.update(row["body"])
        # STIX wants version 4; the same content has the same id, so that a bundle written twice is the same file.
        name = uuid.UUID(bytes=digest.digest()[:16], version=4)
        text = b'{"id":"bundle--%b","objects":[\n%b\n],"type":"bundle"}\n' % (
            str(name).encode(),
            b",\n".join(row["body"] for row in rows),
        )
        return rows[0]["seq"], rows[-1]["seq"], text

    def _active(self) -> Iterator[tuple[Row, dict[str, Any]]]:
        for row in self._store.pages(_ACTIVE, (now_us(),)):
            if row["body"] is not None:
                yield row, _parse(row["body"])


@dataclass(frozen=True)
class _Context:
    """What a line needs besides its object. `keys`: of epochs; `scores`: of sources, `others` that of all others."""

    now: int
    keys: Mapping[int, str]
    wrong: Set[str]
    together: "Reporters"
    scores: Mapping[str, float]
    others: float

    def source(self, row: Row) -> dict[str, Any]:
        """Who says it, and how far that was right so far."""
        source = row["pseudonym"] or UNSIGNED
        return {
            "source": source,
            "source_score": round(self.scores.get(source, self.others), 4),
            "signed": row["pseudonym"] is not None,
        }


def _signatures(row: Row, item: dict[str, Any], context: _Context) -> Iterator[dict[str, Any]]:
    """Template signatures as `scan --signatures` reads them, of epochs whose key is known here."""
    epoch = _template_epoch(item)
    if epoch is not None and epoch in context.keys:
        endless = int(row["date_added"]) + SIGNATURE_US
        until = item.get("valid_until") or _moment(endless)
        if row["valid_until"] is None and endless <= context.now:
            return
        yield {
            "id": row["stix_id"],
            "signature": item["pattern"],
            "key": context.keys[epoch],
            "valid_until": until,
            "corroboration": _corroboration(row, item, context.together),
        }


def _leads(row: Row, item: dict[str, Any], context: _Context) -> Iterator[dict[str, Any]]:
    """Campaigns and indicators without any identifier: what to look for, how far to believe it, and how long."""
    expiry = _expiry(row)
    if expiry <= context.now:
        return
    extensions = item.get("extensions") or {}
    told = next((each for each in extensions.values() if isinstance(each, dict)), {})
    yield {
        "id": row["stix_id"],
        "type": row["type"],
        "name": item.get("name"),
        "pattern_type": item.get("pattern_type"),
        "behaviours": [each.get("behaviour") for each in told.get("evidence", ()) if each.get("supports")],
        "accounts": told.get("accounts"),
        "strength": told.get("strength"),
        "confidence": item.get("confidence"),
        "corroboration": _corroboration(row, item, context.together),
        "false_positives": row["false_positives"],
        **context.source(row),
        "received_at": _moment(row["date_added"]),
        "valid_until": item.get("valid_until"),
        "expires_at": _moment(expiry),
    }


def _candidates(row: Row, item: dict[str, Any], context: _Context) -> Iterator[dict[str, Any]]:
    """What a guard may look out for. The action is never more than `observe`: a lead blocks nobody."""
    expiry = _expiry(row)
    if row["false_positives"] == "2 or more" or expiry <= context.now:
        return
    corroboration = _corroboration(row, item, context.together)
    for scope, value in _values(item, corroboration):
        yield {
            "scope": scope,
            "value": value,
            "action": "observe",
            "reason": "shared_signature" if scope == "signature" else "shared_infrastructure",
            "evidence": row["stix_id"],
            "expires_at": _moment(expiry),
            "corroboration": corroboration,
            **context.source(row),
        }


def _values(item: dict[str, Any], corroboration: str) -> Iterator[tuple[str, str]]:
    """Scopes and values that an indicator names. Addresses only when two members or more name them.

    An address that one member alone reports could be there to harm whoever uses it.
    """
    if _template_epoch(item) is not None:
        yield "signature", item["pattern"]
        return
    if item.get("pattern_type") != "stix" or corroboration != "2 or more":
        return
    found = _ADDRESS.fullmatch(item.get("pattern", ""))
    if found is not None:
        for value in re.findall(r"[0-9a-f.:/]+", found["one"] or found["many"]):
            yield "network" if "/" in value else "address", value


def _template_epoch(item: dict[str, Any]) -> int | None:
    pattern = item.get("pattern")
    if item.get("pattern_type") != "stillwatch-template" or not isinstance(pattern, str):
        return None
    if _TEMPLATE.fullmatch(pattern) is None:
        return None
    found = _EPOCH_OF.search(pattern)
    return None if found is None else int(found[1])


Reporters = dict[tuple[str, int], set[str]]


def _reporters(active: Iterable[tuple[Row, dict[str, Any]]]) -> Reporters:
    """Which pseudonyms of one epoch report a pattern: in one epoch each is another member."""
    found: Reporters = {}
    for row, item in active:
        if row["pseudonym"] is not None and row["epoch"] is not None and "pattern" in item:
            found.setdefault((item["pattern"], row["epoch"]), set()).add(row["pseudonym"])
    return found


def _corroboration(row: Row, item: dict[str, Any], together: Reporters) -> str:
    """How many members report it, its author among them: "1" or "2 or more"."""
    if row["sightings"] != "0":
        return "2 or more"
    alike = together.get((item.get("pattern", ""), row["epoch"]), ()) if row["epoch"] is not None else ()
    return "2 or more" if len(alike) > 1 else "1"


def _expiry(row: Row) -> int:
    longest = int(row["date_added"]) + LONGEST_US
    return longest if row["valid_until"] is None else min(longest, int(row["valid_until"]))


def _moment(us: int) -> str:
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _replace(path: Path, data: bytes | bytearray) -> None:
    try:
        replace_whole(path, bytes(data), path.with_name(f".{path.name}.new"))
    except OSError as error:
        raise InputError(
            f"cannot write there ({error.strerror or error})",
            where=str(path),
            mend="give another folder with --out, or free some space",
        ) from None
