"""What clients ask: media types, filters, envelopes."""

import json
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub.calls import TAXII
from stillwatch.hub.errors import Refused
from stillwatch.hub.limits import MAX_PAGE, MAX_POST_OBJECTS
from stillwatch.hub.requests import (
    COLLECTION_FILTERS,
    OBJECT_FILTERS,
    VERSIONS_FILTERS,
    accepts,
    envelope_of,
    format_version,
    is_of,
    json_object,
    number,
    object_id,
    query_of,
    single,
)

ID = "indicator--6f1c3d2e-5a4b-4c3d-8e2f-1a2b3c4d5e6f"


def refused(status, call, *arguments, **named):
    with pytest.raises(Refused) as error:
        call(*arguments, **named)
    assert error.value.status == status
    return error.value.description


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "*/*",
        "application/*",
        "application/taxii+json",
        "application/taxii+json;version=2.1",
        "application/taxii+json; version=2.1",
        'Application/TAXII+JSON ; Version="2.1"',
        "application/taxii+json;version=2.1;q=0.1, text/html",
        "text/html, application/taxii+json;version=2.0, */*;q=0.01",
        "application/json, application/taxii+json;version=2.1",
        "nonsense, */*",
    ],
)
def test_what_takes_taxii(header):
    assert accepts(header, TAXII)


@pytest.mark.parametrize(
    "header",
    [
        "application/json",
        "application/stix+json;version=2.1",
        "application/vnd.oasis.taxii+json; version=2.0",
        "application/taxii+json;version=2.0",
        "application/taxii+json;version=2.1;q=0",
        "*/*, application/taxii+json;q=0",
        "application/taxii+json;q=2",
        "text/*",
        "nonsense",
        "application/taxii+json;;version",
    ],
)
def test_what_does_not(header):
    assert not accepts(header, TAXII)


@given(st.text(max_size=60))
def test_any_header_is_decided(header):
    assert accepts(header, TAXII) in (True, False)
    assert is_of(header, (TAXII,)) in (True, False)


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("application/taxii+json;version=2.1", True),
        ("application/taxii+json; version=2.1; charset=utf-8", True),
        ("application/taxii+json", True),
        ("application/taxii+json;version=2.0", False),
        ("application/taxii+json;profile=x", False),
        ("application/taxii+json;charset=latin-1", False),
        ("application/json", False),
        ("application/stix+json;version=2.1", False),
        ("application/taxii+json;version", False),
        (None, False),
        ("", False),
    ],
)
def test_content_types_are_strict(header, taken):
    assert is_of(header, (TAXII,)) is taken


def test_versions_are_written_as_stix_writes_them():
    assert format_version(1_000_000) == "1970-01-01T00:00:01.000Z"
    assert format_version(1_234_567) == "1970-01-01T00:00:01.234567Z"


def test_filters_are_read():
    query = query_of(
        [
            ("match[id]", f"{ID}, identity--6f1c3d2e-5a4b-4c3d-8e2f-1a2b3c4d5e6f"),
            ("match[type]", "indicator,sighting"),
            ("match[version]", "first,2026-03-01T00:00:00.5Z"),
            ("match[spec_version]", "2.1,2.0"),
            ("added_after", "2026-03-01T00:00:00.000001Z"),
            ("limit", "20"),
            ("next", "abc_-=.1"),
            ("unknown", "ignored"),
        ],
        COLLECTION_FILTERS,
    )
    assert query.ids[0] == ID
    assert query.types == ("indicator", "sighting")
    assert query.versions == ("first", "2026-03-01T00:00:00.5Z")
    assert query.spec_versions == ("2.1", "2.0")
    assert query.added_after % 1_000_000 == 1
    assert (query.limit, query.cursor) == (20, "abc_-=.1")


def test_without_filters_everything_is_asked_for():
    query = query_of([], COLLECTION_FILTERS)
    assert (query.added_after, query.limit, query.cursor, query.ids) == (None, MAX_PAGE, None, ())
    assert query_of([("limit", "99999999")], COLLECTION_FILTERS).limit == MAX_PAGE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "1.0"),
        ("limit", ""),
        ("limit", "٣"),
        ("limit", "9" * 20),
        ("added_after", "yesterday"),
        ("added_after", "2026-13-01T00:00:00Z"),
        ("added_after", ""),
        ("next", "'; --"),
        ("next", "x" * 2001),
        ("match[id]", "indicator--1"),
        ("match[id]", ""),
        ("match[type]", "Indicator"),
        ("match[type]", "a,,b"),
        ("match[version]", "newest"),
        ("match[spec_version]", "two"),
        ("match[created_by_ref]", "identity--6f1c3d2e-5a4b-4c3d-8e2f-1a2b3c4d5e6f"),
        ("match[type", "indicator"),
        ("match", "indicator"),
        ("match[type]", ",".join(["a"] * 1001)),
    ],
)
def test_filters_that_make_no_sense_are_refused(name, value):
    assert name.partition("[")[0] in refused(400, query_of, [(name, value)], COLLECTION_FILTERS)


def test_a_filter_is_given_once():
    assert "2 times" in refused(400, query_of, [("limit", "1"), ("limit", "1")], COLLECTION_FILTERS)
    both = [("match[type]", "a"), ("match[type]", "b")]
    assert "2 times" in refused(400, query_of, both, COLLECTION_FILTERS)
    assert single([("a", "1")], "b") is None


def test_each_endpoint_knows_its_filters():
    refused(400, query_of, [("match[type]", "indicator")], OBJECT_FILTERS)
    refused(400, query_of, [("match[version]", "all")], VERSIONS_FILTERS)
    assert query_of([("match[version]", "all")], OBJECT_FILTERS, paged=False).versions == ("all",)


@given(
    st.lists(st.tuples(st.sampled_from(["limit", "next", "match[id]", "added_after", "match"]), st.text()))
)
def test_any_query_is_answered_or_refused(query):
    try:
        query_of(query, COLLECTION_FILTERS)
    except Refused as error:
        assert error.status == 400


@given(st.one_of(st.from_regex(r"[0-9]{1,20}", fullmatch=True), st.text()))
def test_numbers(text):
    try:
        found = number([("n", text)], "n", 1, 7)
    except Refused:
        assert not re.fullmatch("[0-9]{1,19}", text) or not 1 <= int(text) < 2**63
    else:
        assert found == int(text)
    assert number([], "n", 1, 7) == 7


def test_ids_in_paths():
    assert object_id(ID) == ID
    for text in ("", "indicator", f"{ID}/", f"{ID}\n", "indicator--6f1c3d2e"):
        refused(404, object_id, text)


def test_objects_of_an_envelope_are_as_they_were_sent():
    body = b'{"id": "x", "objects": [{"a" : 1.0},2, {"b":"\xc3\xa9"}], "x_stillwatch_batch": {"payload": ""}}'
    assert envelope_of(body) == ([b'{"a" : 1.0}', b"2", b'{"b":"\xc3\xa9"}'], b'{"payload": ""}')
    assert envelope_of(b'{"objects":[{}]}') == ([b"{}"], None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"objects":[{"a":"\xff"}]}', 400),
        (b'{"objects":[{}]} x', 400),
        (b"\xef\xbb\xbf{}", 400),
        (b'{"objects":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b"[" * 1_000_000, 422),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"objects":{}}', 422),
        (b'{"objects":[]}', 422),
        (b'{"objects":null}', 422),
    ],
)
def test_bodies_that_are_no_envelopes(body, status):
    refused(status, envelope_of, body)


def test_as_many_objects_as_are_allowed_are_taken_and_no_more():
    one = b'{"a":1,"b":2}'
    found, _ = envelope_of(b'{"objects":[%b]}' % b",".join([one] * MAX_POST_OBJECTS))
    assert len(found) == MAX_POST_OBJECTS
    assert "100,000" in refused(
        413, envelope_of, b'{"objects":[%b]}' % b",".join([one] * (MAX_POST_OBJECTS + 1))
    )


@pytest.mark.parametrize("element", [b"{}", b"1", b"[]", b'""'])
def test_many_tiny_elements_cost_little(element):
    body = b'{"objects":[%b]}' % b",".join([element] * (10_000_000 // (len(element) + 1)))
    tracemalloc.start()
    with pytest.raises(Refused) as error:
        envelope_of(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.value.status in (413, 422)
    assert peak < 150 * 2**20


def test_small_json():
    assert json_object(b'{"a":1}') == {"a": 1}
    refused(422, json_object, b"[1]")
    for body in (b"", b"{", b'"\xff"', b"[" * 100_000):
        refused(400, json_object, body)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_any_json_is_an_envelope_or_refused(value):
    for made in (value, {"objects": value}, {"objects": [value]}):
        try:
            found, _ = envelope_of(json.dumps(made).encode())
        except Refused as error:
            assert error.status in (400, 422)
        else:
            assert found
