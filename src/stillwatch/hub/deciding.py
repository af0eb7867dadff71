"""Which objects of a group become rows: whose they are, whether they are there already, and which version is the newest.

All of it within the write that stores them, from a few statements for the whole group.
"""

import base64
from collections.abc import Iterable
from typing import Any

from stillwatch.hub.database import Line, Transaction
from stillwatch.hub.ids import id_key
from stillwatch.hub.model import Outcome
from stillwatch.hub.submission import Examiner, Submission
from stillwatch.intelligence.checking import Accepted

OBJECT_COLUMNS = (
    "seq",
    "date_added",
    "collection",
    "id_key",
    "stix_id",
    "type",
    "version",
    "spec_version",
    "member",
    "revoked",
    "is_first",
    "is_last",
    "valid_until",
    "log_index",
    "batch",
    "batch_index",
)
_FIRST, _LAST = OBJECT_COLUMNS.index("is_first"), OBJECT_COLUMNS.index("is_last")

THERE_ALREADY = "this version is there already"
DIFFERENT = "this version is there already with other content; give a changed object a later `modified`"
ERASED = "this version was erased; post a later one"
NOT_YOURS = "the object belongs to another member"
NOT_YOU = "created_by_ref or where_sighted_refs is another member's"
NOT_CERTIFIED = (
    "the hub certified no such pseudonym, or not with this key in this epoch; leave the extension out"
)
CONSTANT = "an object that is the same for everybody is different here; leave it out"
REVOKED = "the object is revoked, and nothing can come after that (STIX 2.1, section 3.6); make a new one"

FALSE_POSITIVE = ("disagree", "strongly-disagree")
"""Opinions (STIX 2.1, section 4.14, opinion-enum) that count as: this is false."""

OWNERS = (
    "WITH wanted (key, id) AS (VALUES (?)*) SELECT o.stix_id, o.member FROM wanted JOIN objects o ON o.seq ="
    " (SELECT s.seq FROM objects s WHERE s.id_key = wanted.key AND s.stix_id = wanted.id LIMIT 1)"
)
_VERSIONS = (
    "WITH wanted (key, collection, id, version) AS (VALUES (?)*)"
    " SELECT o.collection, o.stix_id, o.version, c.body FROM wanted JOIN objects o ON o.id_key = wanted.key"
    " AND o.collection = wanted.collection AND o.version = wanted.version AND o.stix_id = wanted.id"
    " LEFT JOIN contents c ON c.seq = o.seq"
)
WITHDRAWN = (
    "WITH wanted (key, collection, id) AS (VALUES (?)*) SELECT wanted.collection, wanted.id FROM wanted WHERE"
    " (SELECT s.revoked FROM objects s WHERE s.id_key = wanted.key AND s.collection = wanted.collection"
    " AND s.stix_id = wanted.id AND s.revoked = 1 AND s.erasure IS NOT NULL LIMIT 1) = 1"
)
_END = (
    "(SELECT s.seq FROM objects s WHERE s.id_key = wanted.key AND s.collection = wanted.collection"
    " AND s.stix_id = wanted.id AND s.erasure IS NULL ORDER BY s.version {order} LIMIT 1)"
)
ENDS = (
    "WITH wanted (key, collection, id) AS (VALUES (?)*)"
    " SELECT wanted.collection, wanted.id, f.version, f.seq, l.version, l.seq, l.revoked FROM wanted"
    f" JOIN objects f ON f.seq = {_END.format(order='ASC')} JOIN objects l ON l.seq = {_END.format(order='DESC')}"
)


def owners_keys(ids: Iterable[str]) -> list[tuple[int, str]]:
    """Keys for OWNERS."""
    return [(id_key(each), each) for each in ids]


def ends_keys(objects: Iterable[tuple[int, str]]) -> list[tuple[int, int, str]]:
    """Keys for ENDS, of collections (by number) and ids."""
    return [(id_key(stix_id), collection, stix_id) for collection, stix_id in objects]


Ends = list[Any]
"""First version and its row (a number in the store, or a row of this group), last version and its row, whether revoked."""


class Decider:
    """One group of submissions, within the transaction that will store it."""

    def __init__(self, tx: Transaction, group: list[Submission], examiner: Examiner) -> None:
        self._tx, self._examiner = tx, examiner
        self.rows: list[list[Any]] = []
        """What will be rows of `objects`."""
        self.bodies: list[tuple[str, bytes]] = []
        """Collection's id and content of each of them."""
        self._not_first: list[int] = []
        self._not_last: list[int] = []
        self._reporting: dict[str, tuple[Accepted, int]] = {}
        ids = {item.id for submission in group for _, item in submission.items}
        self._owners: dict[str, int | None] = dict(tx.among(OWNERS, owners_keys(ids)))
        self._there: dict[tuple[int, str, int], bytes | None] = {}
        self._ends: dict[tuple[int, str], Ends] = {}
        self._withdrawn: set[tuple[int, str]] = set()
        """Of which a version that revokes them was erased: it holds on."""
        if self._owners:
            self._look_up(group)
        self._authors = self._identities(group)
        self._claimed: list[Line] = []
        self._certified = self._certificates(group)

    def _look_up(self, group: list[Submission]) -> None:
        known = self._owners
        versions = {
            (submission.collection, item.id, item.version)
            for submission in group
            for _, item in submission.items
            if item.id in known
        }
        for collection, stix_id, version, body in self._tx.among(
            _VERSIONS, [(id_key(key[1]), *key) for key in versions]
        ):
            self._there[collection, stix_id, version] = body
        ends = ends_keys({key[:2] for key in versions})
        for collection, stix_id, *found in self._tx.among(ENDS, ends):
            self._ends[collection, stix_id] = found
        self._withdrawn.update(
            (collection, stix_id) for collection, stix_id in self._tx.among(WITHDRAWN, ends)
        )

    def _identities(self, group: list[Submission]) -> dict[str, int]:
        """Whose the identities are under which the objects are said, or that they describe."""
        items = [item for submission in group for _, item in submission.items]
        names = {name for item in items for name in item.said_by}
        names |= {item.id for item in items if item.type == "identity"}
        return dict(
            self._tx.among(
                "WITH wanted (id) AS (VALUES (?)*) SELECT a.id, a.member FROM wanted JOIN authors a ON a.id = wanted.id",
                [(name,) for name in names - self._examiner.common],
            )
        )

    def _certificates(self, group: list[Submission]) -> dict[str, tuple[str, str]]:
        """Epoch and key of the pseudonyms that identities in the group describe."""
        names = {
            item.id for submission in group for _, item in submission.items if item.certified is not None
        }
        lines = self._tx.among(
            "WITH wanted (id) AS (VALUES (?)*) SELECT p.id, p.epoch, p.public_key FROM wanted"
            " JOIN pseudonyms p ON p.id = wanted.id",
            [(name,) for name in names],
        )
        return {name: (str(epoch), base64.b64encode(key).decode()) for name, epoch, key in lines}

    def decide(
        self, submission: Submission, base: int, seq: int, log_size: int
    ) -> tuple[list[list[Any]], list[Outcome], list[Outcome]]:
        """The new rows of a submission, the successes that need none, and the failures.

        `base` is the time of the group's first row, `seq` and `log_size` where hub and log stood before it.
        """
        member, collection, collection_id = (
            submission.number,
            submission.collection,
            submission.collection_id,
        )
        rows, there, owners, ends = self.rows, self._there, self._owners, self._ends
        common = self._examiner.common
        began = len(rows)
        count = began
        batch = seq + 1 + began if submission.batch is not None else None
        others: list[Outcome] = []
        failures: list[Outcome] = []
        for place, item in submission.items:
            stix_id, version, body = item.id, item.version, item.canonical
            owner: int | None = member
            if stix_id in common:
                if not item.common:
                    failures.append(self._failure(item, CONSTANT))
                    continue
                owner = None
            else:
                refused = self._not_allowed(item, member)
                if refused is not None:
                    failures.append(self._failure(item, refused))
                    continue
            key = (collection, stix_id, version)
            if key in there:
                held = there[key]
                if held == body:
                    others.append(Outcome(stix_id, version, THERE_ALREADY))
                else:
                    failures.append(self._failure(item, ERASED if held is None else DIFFERENT))
                continue
            end = ends.get((collection, stix_id))
            if (collection, stix_id) in self._withdrawn or (end is not None and end[4] and version > end[2]):
                failures.append(self._failure(item, REVOKED))
                continue
            row = [
                seq + 1 + count,
                base + count,
                collection,
                id_key(stix_id),
                stix_id,
                item.type,
                version,
                item.spec_version,
                owner,
                int(item.revoked),
                1,
                1,
                item.valid_until,
                log_size + count,
                None if owner is None else batch,
                None if owner is None or batch is None else place,
            ]
            if end is None:
                ends[collection, stix_id] = [version, row, version, row, item.revoked]
            else:
                self._place(end, version, row, item.revoked)
            owners[stix_id] = owner
            if owner is not None:
                self._claim(item, owner)
            there[key] = body
            if item.refers and row[_LAST]:
                self._reporting[stix_id] = (item, member)
            rows.append(row)
            self.bodies.append((collection_id, body))
            count += 1
        return rows[began:], others, failures

    def _not_allowed(self, item: Accepted, member: int) -> str | None:
        """Why a member may not say this, under these names; None where it may."""
        owners, authors = self._owners, self._authors
        if owners.get(item.id, member) != member or authors.get(item.id, member) != member:
            return NOT_YOURS
        for name in item.said_by:
            if authors.get(name, member) != member or name in self._examiner.common:
                return NOT_YOU
        if item.certified is not None and item.certified != self._certified.get(item.id):
            return NOT_CERTIFIED
        return None

    def _claim(self, item: Accepted, member: int) -> None:
        """Identities that an object describes or names belong to its member from then on."""
        for name in item.said_by if item.type != "identity" else (*item.said_by, item.id):
            if name not in self._authors:
                self._authors[name] = member
                self._claimed.append((name, member))

    def _failure(self, item: Accepted, reason: str) -> Outcome:
        self._examiner.count(reason)
        return Outcome(item.id, item.version, reason)

    def _place(self, end: Ends, version: int, row: list[Any], revoked: bool) -> None:
        """Set a row among the versions that its object has."""
        if version < end[0]:
            self._clear(end[1], _FIRST, self._not_first)
            end[0], end[1] = version, row
        else:
            row[_FIRST] = 0
        if version > end[2]:
            self._clear(end[3], _LAST, self._not_last)
            end[2], end[3], end[4] = version, row, revoked
        else:
            row[_LAST] = 0

    @staticmethod
    def _clear(row: Any, flag: int, stored: list[int]) -> None:
        if isinstance(row, int):
            stored.append(row)
        else:
            row[flag] = 0

    def settle(self) -> None:
        """Store whose the identities are that were first named here, and which rows are no longer the first or last."""
        if self._claimed:
            self._tx.insert("authors", ("id", "member"), self._claimed)
        self._tx.update_each("UPDATE objects SET is_first = 0 WHERE seq IN (?*)", self._not_first)
        self._tx.update_each("UPDATE objects SET is_last = 0 WHERE seq IN (?*)", self._not_last)

    def report(self) -> None:
        """Store what sightings and opinions say of others, in the place of what their earlier versions said."""
        fresh: list[Line] = []
        self._tx.update_each("DELETE FROM reports WHERE source IN (?*)", list(self._reporting))
        for source, (item, member) in self._reporting.items():
            kind = "sighting" if item.type == "sighting" else "false positive"
            counts = item.type == "sighting" or item.opinion in FALSE_POSITIVE
            if counts and not item.revoked:
                fresh += [(source, target, kind, member) for target in dict.fromkeys(item.refers)]
        if fresh:
            self._tx.insert("reports", ("source", "target", "kind", "member"), fresh)
