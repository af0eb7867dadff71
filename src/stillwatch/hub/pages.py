"""Pages of a collection: objects, manifests and versions, each found by an index from where the page before ended.

`date_added` and `seq` grow together, so a page is cut by `seq`: nothing that arrives meanwhile moves what is left.
"""

from collections.abc import Iterable

from stillwatch.hub import times
from stillwatch.hub.cursors import Cursors
from stillwatch.hub.database import Database, Transaction, Value
from stillwatch.hub.errors import bad_request, not_found
from stillwatch.hub.ids import id_key
from stillwatch.hub.limits import MAX_PAGE, MAX_PAGE_BYTES
from stillwatch.hub.model import Page, Query, Row

_COLUMNS = "o.seq, o.date_added, o.stix_id, o.version, o.spec_version"
_CONTENTS = "objects o JOIN contents c ON c.seq = o.seq"
_RECORDS = f"{_COLUMNS}, NULL FROM objects o"
_BODIES = f"{_COLUMNS}, c.body FROM {_CONTENTS}"
# No store reads a body to tell its length.
_SIZES = f"length(c.body) FROM {_CONTENTS}"


class Pages:
    """Reads pages; safe to use from many threads. Raises `Refused` (400, 404)."""

    def __init__(self, database: Database, cursors: Cursors) -> None:
        self._database, self._cursors = database, cursors

    def objects(self, number: int, collection: str, query: Query) -> Page:
        """Of a collection (its number in the store, and its id), with bodies."""
        return self._page("objects", number, collection, query)

    def manifest(self, number: int, collection: str, query: Query) -> Page:
        """The same without bodies."""
        return self._page("manifest", number, collection, query)

    def versions(self, number: int, collection: str, stix_id: str, query: Query) -> Page:
        """All versions of one object, without bodies."""
        if query.versions not in ((), ("all",)) or query.types or query.ids not in ((), (stix_id,)):
            raise bad_request(
                "The versions of an object can be filtered by added_after and spec_version only."
            )
        asked = Query(
            query.added_after, query.limit, query.cursor, (stix_id,), (), ("all",), query.spec_versions
        )
        page = self._page("versions", number, collection, asked)
        if not page.rows and not self._has(number, stix_id):
            raise not_found("There is no such object in the collection.")
        return page

    def _has(self, number: int, stix_id: str) -> bool:
        sql = "SELECT 1 FROM objects WHERE id_key = ? AND collection = ? AND stix_id = ? AND erasure IS NULL LIMIT 1"
        return self._database.one(sql, (id_key(stix_id), number, stix_id)) is not None

    def _page(self, resource: str, number: int, collection: str, query: Query) -> Page:
        query, after = self._cursors.resume(resource, collection, query)
        limit = max(1, min(query.limit, MAX_PAGE))
        with self._database.read() as tx:
            start = max(after, _before(tx, query.added_after))
            if resource == "objects":
                sizes = [size for (size,) in tx.query(*_select(_SIZES, number, query, start, limit + 1))]
                taken = fitting(sizes[:limit], MAX_PAGE_BYTES)
                lines = tx.query(*_select(_BODIES, number, query, start, taken)) if taken else []
                more = len(sizes) > taken
            else:
                lines = tx.query(*_select(_RECORDS, number, query, start, limit + 1))
                more = len(lines) > limit
        rows = [Row(*line) for line in lines[:limit]]
        following = self._cursors.make(resource, collection, query, rows[-1].seq) if more else None
        return Page(rows, more, following)


def fitting(sizes: Iterable[int], most: int) -> int:
    """How many things of these sizes, in order, are `most` together at the most; the first one in any case."""
    count = total = 0
    for size in sizes:
        total += size
        if count and total > most:
            break
        count += 1
    return count


def _before(tx: Transaction, added_after: int | None) -> int:
    """The greatest `seq` that is not wanted."""
    if added_after is None:
        return 0
    # What a client may write as a time goes beyond what a store takes as a number.
    added_after = max(-(2**62), min(added_after, 2**62))
    line = tx.one("SELECT seq FROM objects WHERE date_added > ? ORDER BY date_added LIMIT 1", (added_after,))
    if line is None:
        line = tx.one("SELECT seq + 1 FROM heads")
        assert line is not None
    return int(line[0]) - 1


def _select(what: str, number: int, query: Query, after: int, limit: int) -> tuple[str, list[Value]]:
    """The statement for one page, and its values. `what`: _RECORDS, _BODIES or _SIZES."""
    # With ids the index over them leads: `+ 0` keeps a store from walking through the whole collection instead.
    conditions = ["o.collection = ?", "o.seq + 0 > ?" if query.ids else "o.seq > ?"]
    values: list[Value] = [number, after]
    condition, more = matching(query)
    conditions.append(condition)
    values += more
    # The limit stands in the text: a store that does not know it may plan for the whole collection.
    return (
        f"SELECT {what} WHERE {' AND '.join(conditions)} ORDER BY o.seq LIMIT {limit}",
        values,
    )


def matching(query: Query) -> tuple[str, list[Value]]:
    """The condition on `objects o` that a query's filters stand for, and its values. Raises `Refused` (400)."""
    condition, values = _versions(query.versions)
    if query.ids:
        condition += f" AND o.id_key IN ({','.join('?' * len(query.ids))})"
        values += map(id_key, query.ids)
    for column, wanted in (
        ("o.stix_id", query.ids),
        ("o.type", query.types),
        ("o.spec_version", query.spec_versions),
    ):
        if wanted:
            condition += f" AND {column} IN ({','.join('?' * len(wanted))})"
            values += wanted
    return condition, values


def _versions(wanted: tuple[str, ...]) -> tuple[str, list[Value]]:
    """The condition that `match[version]` stands for (TAXII 2.1, section 3.4.1), and its values."""
    if not wanted or set(wanted) == {"last"}:
        return "o.is_last = 1", []
    if "all" in wanted:
        return "o.erasure IS NULL", []
    either = [f"o.is_{name} = 1" for name in ("first", "last") if name in wanted]
    moments: list[Value] = []
    for text in wanted:
        if text not in ("first", "last"):
            try:
                moments.append(times.parse(text))
            except ValueError:
                raise bad_request("match[version] is `first`, `last`, `all` or RFC 3339 times.") from None
    if moments:
        marks = ",".join("?" * len(moments))
        # An object without a version of its own has that of when it was added (TAXII 2.1, section 3.4.1).
        either.append(f"o.version IN ({marks}) OR o.version = 0 AND o.date_added IN ({marks})")
    return f"o.erasure IS NULL AND ({' OR '.join(either)})", moments * 2
