"""What would leave, whether the rules let it, and the queue into which it goes when they do."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stillwatch.intelligence import objects
from stillwatch.intelligence.checking import Checker, Refusal
from stillwatch.intelligence.outgoing import prepare, revoked
from stillwatch.intelligence.rules import Rules
from stillwatch.node.pseudonyms import microseconds
from stillwatch.node.store import Store, now_us
from stillwatch.records.errors import InputError
from stillwatch.transparency.canonical import canonical, parse

AUTHOR = "identity--00000000-0000-4000-8000-000000000000"
"""Stands in the queue for the pseudonym, which only the hub can give and which changes with each epoch."""

_STRANGER = "names an identity that is not in the bundle"
_IN_BUNDLE = (
    "add the identity of whoever made the bundle, for which the pseudonym stands then, or leave the field out"
)
MOST_BYTES = 256 << 20
"""Of a bundle's file. A hundred thousand objects have some hundred megabytes."""


@dataclass(frozen=True)
class Change:
    """What is other in what leaves than in what was given: a field, its value before and after (None: absent)."""

    object_id: str
    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Explained:
    """What publishing a bundle would do."""

    objects: list[dict[str, Any]]
    refusals: list[Refusal]
    changes: list[Change]
    rules: Rules
    pseudonym: str | None
    """Under which it would be said; None where this node has none yet, and AUTHOR stands for it."""
    over: list[str]
    """Ids of what is not valid any more when it is sent: nobody will use it."""

    def document(self) -> dict[str, Any]:
        """For --json."""
        return {
            "objects": self.objects,
            "refused": [asdict(each) for each in self.refusals],
            "changed": [asdict(each) for each in self.changes],
            "rules": {"version": self.rules.version, "sha256": self.rules.digest},
            "pseudonym": self.pseudonym,
            "over": self.over,
        }


def read_bundle(path: Path) -> dict[str, Any]:
    """A bundle of a file. Raises InputError where it is none that can be read."""
    if path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"larger than {MOST_BYTES >> 20} MB", where=str(path), mend="publish it in several bundles"
        )
    try:
        found = parse(path.read_bytes())
    except InputError as error:
        raise InputError(
            error.what, where=str(path), mend="give a STIX bundle as JSON, with whole numbers"
        ) from None
    if (
        not isinstance(found, dict)
        or found.get("type") != "bundle"
        or not isinstance(found.get("objects"), list)
    ):
        raise InputError(
            "this is no STIX bundle",
            where=str(path),
            mend="give a file with an object of type bundle that has objects",
        )
    for number, item in enumerate(found["objects"]):
        if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in ("id", "type")):
            raise InputError(
                "this is no STIX object: it has no id or no type",
                where=f"{path}, objects[{number}]",
                mend="give each object both, or leave it out",
            )
    return found


def explain(
    bundle: Mapping[str, Any],
    rules: Rules,
    moment: datetime,
    pseudonym: str | None = None,
    own: Collection[str] = (),
) -> Explained:
    """What would leave of a bundle if it were sent at `moment`, and for what it would be refused.

    `own`: all pseudonyms that this member ever had; the one of the epoch in which it is sent stands for each of them.
    """
    author = pseudonym or AUTHOR
    # The pseudonym's own identity goes with the first batch of an epoch, not with each bundle.
    prepared = [item for item in prepare(bundle, {"id": author}) if item != {"id": author}]
    checker = Checker(rules, now=lambda: moment)
    refusals: list[Refusal] = []
    over: list[str] = []
    for item in prepared:
        strangers = _under(author, item, own)
        found = checker.check(_form(item))
        if isinstance(found, list):
            refusals += found
            continue
        if found.valid_until is not None and moment_of(found.valid_until) <= moment:
            over.append(found.id)
        if not found.common:
            # An identity tells who it is, even where only its id goes. The hub would take none of it.
            refusals += [Refusal(str(item["id"]), field, _STRANGER, _IN_BUNDLE) for field in strangers]
    given = {item.get("id"): item for item in bundle["objects"] if isinstance(item, dict)}
    changes = [
        Change(item.get("id", ""), field, _shown(before.get(field)), _shown(item.get(field)))
        for item in prepared
        if isinstance(before := given.get(item.get("id")), dict)
        for field in sorted(before.keys() | item.keys())
        if before.get(field) != item.get(field)
    ]
    sent = {item.get("id") for item in prepared}
    changes += [Change(str(name), "", "identity", None) for name in given if name not in sent]
    return Explained(prepared, refusals, changes, rules, pseudonym, over)


def _under(author: str, item: dict[str, Any], own: Collection[str]) -> list[str]:
    """Have the author stand for all of this member's pseudonyms; the fields that name somebody else."""
    strangers = []
    made_by = item.get("created_by_ref")
    if made_by in own:
        item["created_by_ref"] = author
    elif made_by not in (None, author):
        strangers.append("created_by_ref")
    seen_by = item.get("where_sighted_refs")
    if isinstance(seen_by, list):
        item["where_sighted_refs"] = [author if one in own else one for one in seen_by]
        if any(one != author for one in item["where_sighted_refs"]):
            strangers.append("where_sighted_refs")
    return strangers


def _form(item: Mapping[str, Any]) -> bytes:
    return json.dumps(item, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def _shown(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value)[:200]


class Queue:
    """Takes what may leave; `sending` sends it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, items: Sequence[Mapping[str, Any]], not_before: int = 0) -> list[int]:
        """Queue prepared objects, all or none, durably; the numbers under which they stand.

        What was queued before as it is now keeps its place, and is tried again where the hub had refused it. Raises
        InputError for another content of a version that was queued before.
        """
        store = self._store
        numbers = []
        with store.writing():
            for item in items:
                draft = canonical(dict(item))
                stix_id, version = str(item["id"]), version_of(item)
                row = store.one(
                    "SELECT number, draft, state FROM outbox WHERE stix_id = ? AND version = ?",
                    (stix_id, version),
                )
                if row is None:
                    store.run(
                        "INSERT INTO outbox (stix_id, version, draft, not_before, state) VALUES (?, ?, ?, ?, 'queued')",
                        (stix_id, version, draft, not_before),
                    )
                    numbers.append(store.number("SELECT last_insert_rowid()"))
                    continue
                if row["draft"] != draft and row["state"] != "refused":
                    raise InputError(
                        "this version was published with other content before",
                        where=stix_id,
                        mend="give the object a later `modified`",
                    )
                if row["state"] == "refused":
                    store.run(
                        "UPDATE outbox SET draft = ?, not_before = ?, state = 'queued', reason = NULL, body = NULL,"
                        " batch = NULL WHERE number = ?",
                        (draft, not_before, row["number"]),
                    )
                numbers.append(row["number"])
        return numbers

    def cancel(self, stix_id: str) -> bool:
        """Take versions of an object that have not left out of the queue; whether nothing of it ever left."""
        store = self._store
        with store.writing():
            cancelled = store.run("DELETE FROM outbox WHERE stix_id = ? AND state = 'queued'", (stix_id,))
            left = store.one(
                "SELECT 1 FROM outbox WHERE stix_id = ? AND state IN ('assigned', 'sent', 'confirmed', 'erased')",
                (stix_id,),
            )
            return bool(cancelled) and left is None

    def waiting(self) -> int:
        """How many objects wait to be sent, embargoed ones too."""
        return self._store.number("SELECT COUNT(*) FROM outbox WHERE state IN ('queued', 'assigned')")

    def due(self, moment_us: int) -> int:
        """How many of them could be sent now."""
        return self._store.number(
            "SELECT COUNT(*) FROM outbox WHERE state = 'assigned' OR (state = 'queued' AND not_before <= ?)",
            (moment_us,),
        )

    def taken(self, numbers: Sequence[int]) -> tuple[int, int]:
        """How many of these the hub has taken, and how many of those have a later version that withdraws them."""
        taken = withdrawn = 0
        for number in numbers:
            row = self._store.one("SELECT stix_id, version, state FROM outbox WHERE number = ?", (number,))
            if row is None or row["state"] not in ("sent", "confirmed"):
                continue
            taken += 1
            newest = self.newest(row["stix_id"])
            withdrawn += newest.get("revoked") is True and version_of(newest) > row["version"]
        return taken, withdrawn

    def states(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """What became of queued objects: id, state, reason, seq."""
        found = []
        for number in numbers:
            row = self._store.one(
                "SELECT stix_id, state, reason, seq FROM outbox WHERE number = ?", (number,)
            )
            if row is not None:
                found.append(
                    {"id": row["stix_id"], "state": row["state"], "reason": row["reason"], "seq": row["seq"]}
                )
        return found

    def refused(self) -> list[dict[str, Any]]:
        """Objects that the hub refused, with its reasons."""
        rows = self._store.all("SELECT stix_id, reason FROM outbox WHERE state = 'refused' ORDER BY number")
        return [{"id": row["stix_id"], "reason": row["reason"]} for row in rows]

    def erased(self) -> list[str]:
        """Ids of objects that the hub took, and of which its log says that they were erased before their end."""
        rows = self._store.all(
            "SELECT stix_id, draft FROM outbox WHERE stix_id IN (SELECT stix_id FROM outbox WHERE state = 'erased')"
            " ORDER BY number"
        )
        now = now_us()
        ended = {row["stix_id"] for row in rows if (end := _end_of(row["draft"])) is not None and end <= now}
        return [name for name in dict.fromkeys(row["stix_id"] for row in rows) if name not in ended]

    def not_from_here(self) -> list[str]:
        """Ids of objects that left from here of which the hub gives versions that did not."""
        rows = self._store.all(
            "SELECT DISTINCT r.stix_id FROM received r WHERE r.settled = 1 AND r.erased = 0"
            " AND r.stix_id IN (SELECT o.stix_id FROM outbox o WHERE o.state NOT IN ('queued', 'refused'))"
            " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.stix_id = r.stix_id AND o.version = r.version)"
            " ORDER BY 1"
        )
        return [row["stix_id"] for row in rows]

    def newest(self, stix_id: str) -> dict[str, Any]:
        """The newest version of an object that left from here. Raises InputError where none did."""
        row = self._store.one(
            "SELECT draft FROM outbox WHERE stix_id = ? AND state NOT IN ('queued', 'refused')"
            " ORDER BY version DESC LIMIT 1",
            (stix_id,),
        )
        if row is None:
            raise InputError(
                "this object was not published from here", where=stix_id, mend="give the id of one of yours"
            )
        found: dict[str, Any] = parse(row["draft"])
        return found


def _end_of(draft: bytes) -> int | None:
    text = parse(draft).get("valid_until")
    return microseconds(str(text)) if text else None


def version_of(item: Mapping[str, Any]) -> int:
    """Microseconds since 1970 of `modified`, else `created`, else 0: what the hub has as an object's version."""
    text = item.get("modified") or item.get("created")
    return microseconds(str(text)) if text else 0


def withdrawal(queue: Queue, stix_id: str, today: datetime) -> dict[str, Any]:
    """The version that withdraws an object of this member's. Raises InputError."""
    before = queue.newest(stix_id)
    if before.get("revoked"):
        raise InputError("this object is withdrawn already", where=stix_id, mend="nothing is left to do")
    return revoked(before, today)


def handling(today: datetime) -> objects.Handling:
    """How this member says something today."""
    return objects.Handling(AUTHOR, today)


def named(draft: bytes, pseudonym: str) -> bytes:
    """A queued object as it is sent under a pseudonym, in canonical form."""
    item = parse(draft)
    if item.get("created_by_ref") == AUTHOR:
        item["created_by_ref"] = pseudonym
    seen_by = item.get("where_sighted_refs")
    if isinstance(seen_by, list):
        item["where_sighted_refs"] = [pseudonym if one == AUTHOR else one for one in seen_by]
    return canonical(item)


def moment_of(us: int) -> datetime:
    """A time in microseconds as a datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def today() -> datetime:
    """This moment."""
    return moment_of(now_us())
