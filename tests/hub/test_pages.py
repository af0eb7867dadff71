import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.hub import times
from stillwatch.hub.errors import Refused
from stillwatch.hub.limits import MAX_PAGE_BYTES
from stillwatch.hub.model import Query
from stillwatch.hub.pages import fitting

SLOW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOW
@given(data=st.data())
def test_any_split_into_pages_gives_every_object_once(hub, anna, parts, data):
    """Also while more arrives between the pages: what was there when paging began comes in order, once."""
    for size in data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)):
        anna.post(*(parts.indicator() for _ in range(size)))
    there = [row.stix_id for row in anna.all()]
    seen, cursor = [], None
    while True:
        query = Query(limit=data.draw(st.integers(1, 6)), cursor=cursor)
        page = hub.objects(anna.member, anna.collection, query)
        assert page.more == (page.next is not None)
        assert len(page.rows) <= query.limit
        seen += [row.stix_id for row in page.rows]
        if not page.more:
            break
        cursor = page.next
        if data.draw(st.booleans()) and len(seen) < 200:
            there.append(anna.post(parts.indicator()).successes[0].id)
    assert seen == there


def test_added_after_is_strictly_greater(hub, anna, parts):
    anna.post(*(parts.indicator() for _ in range(5)))
    rows = anna.all()
    for place, row in enumerate(rows):
        assert anna.all(added_after=row.date_added) == rows[place + 1 :]
        assert anna.all(added_after=row.date_added - 1) == rows[place:]
    assert anna.all(added_after=-(10**30)) == rows
    assert anna.all(added_after=10**30) == []


def test_pages_of_one_object_by_added_after_lose_nothing(hub, anna, parts):
    """What a client does that knows no cursor."""
    anna.post(*(parts.indicator() for _ in range(7)))
    seen, after = [], None
    while rows := hub.objects(anna.member, anna.collection, Query(added_after=after, limit=2)).rows:
        seen += [row.seq for row in rows]
        after = rows[-1].date_added
    assert seen == list(range(1, 8))


def test_filters(hub, anna, parts):
    first, second = parts.indicator(), parts.indicator()
    seen = parts.sighting(first["id"])
    anna.post(first, second, seen)
    assert [row.stix_id for row in anna.all(types=("sighting",))] == [seen["id"]]
    assert [row.stix_id for row in anna.all(ids=(second["id"], first["id"]))] == [first["id"], second["id"]]
    assert anna.all(ids=(first["id"],), types=("sighting",)) == []
    assert len(anna.all(spec_versions=("2.1", "2.0"))) == 3
    assert anna.all(spec_versions=("2.0",)) == []
    assert len(anna.all(types=("sighting", "indicator"), limit=1)) == 3


def test_versions_by_time(hub, anna, parts):
    item = parts.indicator(created=parts.day(100))
    anna.post(*({**item, "modified": parts.day(day)} for day in (101, 102, 103)))
    assert [row.seq for row in anna.all(versions=(parts.day(102), parts.day(103)))] == [2, 3]
    assert anna.all(versions=(parts.day(110),)) == []
    with pytest.raises(Refused) as refused:
        anna.all(versions=("newest",))
    assert refused.value.status == 400


def test_an_object_without_a_version_has_that_of_its_arrival(hub, anna):
    account = {"type": "user-account", "id": f"user-account--{uuid.uuid4()}", "user_id": f"handle-{'0' * 32}"}
    anna.post(account)
    (row,) = anna.all()
    assert row.version == 0
    assert anna.all(versions=(times.stamp(row.date_added),)) == [row]


def test_manifest_has_no_bodies(hub, anna, parts):
    anna.post(parts.indicator(), parts.indicator())
    page = hub.manifest(anna.member, anna.collection, Query(limit=1))
    assert [row.body for row in page.rows] == [None]
    assert page.more
    with pytest.raises(Refused):
        hub.objects(anna.member, anna.collection, Query(cursor=page.next))


def test_versions_of_an_object(hub, anna, parts):
    item = parts.indicator(created=parts.day(100))
    days = (103, 101, 102)
    anna.post(*({**item, "modified": parts.day(day)} for day in days), parts.indicator())
    page = hub.versions(anna.member, anna.collection, item["id"], Query())
    assert [row.version for row in page.rows] == [times.parse(parts.day(day)) for day in days]
    first = hub.versions(anna.member, anna.collection, item["id"], Query(limit=2))
    rest = hub.versions(anna.member, anna.collection, item["id"], Query(cursor=first.next))
    assert first.rows + rest.rows == page.rows
    with pytest.raises(Refused) as refused:
        hub.versions(anna.member, anna.collection, f"indicator--{uuid.uuid4()}", Query())
    assert refused.value.status == 404


def test_what_no_store_can_hold_matches_nothing_or_is_refused(hub, anna, parts):
    anna.post(parts.indicator())
    for text in ("a\0b", "\ud800"):
        for query in ({"types": (text,)}, {"ids": (text,)}):
            try:
                assert anna.all(**query) == []
            except Refused as refused:
                assert refused.status == 400


def test_the_largest_page(hub, anna, parts):
    anna.post(*(parts.indicator() for _ in range(1001)))
    page = hub.objects(anna.member, anna.collection, Query(limit=5000))
    assert len(page.rows) == 1000
    assert page.more


def test_a_page_of_large_objects_is_bounded_in_bytes(hub, anna, parts):
    """Also where the client asks for more: the largest objects would make a page of half a gigabyte."""
    large = [parts.large(anna.pseudonym()) for _ in range(17)]
    assert not anna.post(*large).failures
    assert sum(len(parts.canonical(each)) for each in large) > MAX_PAGE_BYTES
    page = hub.objects(anna.member, anna.collection, Query(limit=1000))
    assert page.more
    assert MAX_PAGE_BYTES // 2 < sum(len(row.body) for row in page.rows) <= MAX_PAGE_BYTES
    assert [row.stix_id for row in anna.all()] == [each["id"] for each in large]
    assert len(hub.manifest(anna.member, anna.collection, Query()).rows) == 17


@pytest.mark.parametrize("most", [1, 700, 1000])
def test_pages_of_any_bytes_give_every_object_once(anna, parts, monkeypatch, most):
    monkeypatch.setattr("stillwatch.hub.pages.MAX_PAGE_BYTES", most)
    items = [parts.indicator() for _ in range(7)]
    anna.post(*items)
    assert [row.stix_id for row in anna.all()] == [each["id"] for each in items]


@given(st.lists(st.integers(0, 20)), st.integers(0, 60))
def test_what_fits_is_as_much_as_may_be(sizes, most):
    count = fitting(sizes, most)
    assert count >= min(1, len(sizes))
    assert count <= 1 or sum(sizes[:count]) <= most
    assert count == len(sizes) or sum(sizes[: count + 1]) > most


def plan(hub, sql, values):
    """The store's plan for a statement, as text."""
    explain = "EXPLAIN QUERY PLAN " if hub.database.kind == "sqlite" else "EXPLAIN "
    return " ".join(str(part) for line in hub.database.query(explain + sql, values) for part in line)


def test_pages_are_found_by_indexes(hub, anna, parts):
    from stillwatch.hub.pages import _BODIES, _SIZES, _select

    for _ in range(3):
        anna.post(*(parts.indicator() for _ in range(1000)))
    if hub.database.kind == "postgresql":
        with hub.database.write() as tx:
            tx.execute("ANALYZE objects")
            tx.execute("ANALYZE contents")
    for query in (Query(), Query(versions=("all",)), Query(ids=("indicator--x",))):
        for what in (_BODIES, _SIZES):
            told = plan(hub, *_select(what, 1, query, 2990, 100))
            assert "SCAN" not in told, told
            assert "Seq Scan" not in told, told
    told = plan(hub, "SELECT seq FROM objects WHERE date_added > ? ORDER BY date_added LIMIT 1", (1,))
    assert "objects_by_date" in told
