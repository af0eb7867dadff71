import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub.cursors import Cursors
from stillwatch.hub.errors import Refused
from stillwatch.hub.model import Query

CURSORS = Cursors(b"k" * 32)
words = st.lists(st.text(max_size=20), max_size=3).map(tuple)
queries = st.builds(
    Query,
    added_after=st.none() | st.integers(-(2**60), 2**60),
    ids=words,
    types=words,
    versions=words,
    spec_versions=words,
)


@given(queries, st.integers(0, 2**62))
def test_a_cursor_carries_its_filters(query, seq):
    cursor = CURSORS.make("objects", "c", query, seq)
    resumed, after = CURSORS.resume("objects", "c", Query(cursor=cursor, limit=7))
    assert after == seq
    assert resumed == Query(
        query.added_after, 7, cursor, query.ids, query.types, query.versions, query.spec_versions
    )
    again = Query(query.added_after, 7, cursor, query.ids, query.types, query.versions, query.spec_versions)
    assert CURSORS.resume("objects", "c", again)[1] == seq


def test_order_and_repetition_mean_nothing():
    cursor = CURSORS.make("objects", "c", Query(types=("a", "b")), 1)
    assert CURSORS.resume("objects", "c", Query(cursor=cursor, types=("b", "a", "b")))[1] == 1
    cursor = CURSORS.make("objects", "c", Query(), 1)
    assert CURSORS.resume("objects", "c", Query(cursor=cursor, versions=("last",)))[1] == 1


@pytest.mark.parametrize(
    "query",
    [
        Query(added_after=2),
        Query(types=("b",)),
        Query(ids=("x",)),
        Query(versions=("all",)),
        Query(spec_versions=("2.0",)),
    ],
)
def test_contradictions_are_refused(query):
    made = CURSORS.make("objects", "c", Query(added_after=1, types=("a",)), 1)
    with pytest.raises(Refused) as refused:
        CURSORS.resume("objects", "c", Query(**{**vars(query), "cursor": made}))
    assert refused.value.status == 400


def test_cursors_of_other_resources_and_hubs_are_refused():
    made = CURSORS.make("objects", "c", Query(), 1)
    for cursors, resource, collection in (
        (CURSORS, "manifest", "c"),
        (CURSORS, "objects", "d"),
        (Cursors(b"x" * 32), "objects", "c"),
    ):
        with pytest.raises(Refused) as refused:
            cursors.resume(resource, collection, Query(cursor=made))
        assert refused.value.status == 400


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(Refused):
        CURSORS.resume("objects", "c", Query(cursor=text))


def test_every_bit_of_a_cursor_counts():
    made = CURSORS.make("objects", "c", Query(), 1)
    data = bytearray(base64.urlsafe_b64decode(made + "=" * (-len(made) % 4)))
    for place in range(len(data)):
        data[place] ^= 1
        with pytest.raises(Refused):
            CURSORS.resume("objects", "c", Query(cursor=base64.urlsafe_b64encode(data).decode()))
        data[place] ^= 1
