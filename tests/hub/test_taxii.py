"""TAXII 2.1 over HTTP, resource by resource, on both stores."""

import json
import re
import uuid

import pytest

ROOT = "/taxii2/api/"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
MISSING = "indicator--00000000-0000-4000-8000-000000000000"


@pytest.fixture
def path(anna):
    return f"{ROOT}collections/{anna.collection}/"


def test_discovery_names_whole_urls(running, web):
    answer = running.call("GET", "/taxii2/")
    assert answer.header("content-type") == web.TAXII
    assert answer.json["api_roots"] == [answer.json["default"]] == [f"{running.url}{ROOT}"]
    other = running.call("GET", "/taxii2/", Host="hub.example:8443").json
    assert other["default"] == f"http://hub.example:8443{ROOT}"
    strange = running.call("GET", "/taxii2/", Host="a b/../").json
    assert strange["default"] == f"{running.url}{ROOT}"


def test_the_api_root_names_media_types(running, web):
    root = running.call("GET", ROOT).json
    assert root["versions"] == [web.TAXII]
    assert root["max_content_length"] > 10_000_000


def test_collections_are_sorted_and_found_by_alias(running, hub, anna):
    for n in range(5):
        hub.add_collection(f"c{n}", f"alias-{n}")
    found = running.call("GET", f"{ROOT}collections/").json["collections"]
    assert [each["id"] for each in found] == sorted(each["id"] for each in found)
    assert len(found) == 6
    by_alias = running.call("GET", f"{ROOT}collections/alias-3/").json
    assert by_alias in found
    assert by_alias["media_types"] == ["application/stix+json;version=2.1"]
    assert running.call("GET", f"{ROOT}collections/alias-9/").status == 404


def test_objects_go_in_and_come_out_in_order(running, path, parts, web):
    objects = [parts.indicator() for _ in range(25)]
    answer = running.post(f"{path}objects/", {"objects": objects})
    assert (answer.status, answer.header("content-type")) == (202, web.TAXII)
    status = answer.json
    assert (status["status"], status["total_count"], status["success_count"]) == ("complete", 25, 25)
    assert [each["id"] for each in status["successes"]] == [each["id"] for each in objects]
    assert running.call("GET", f"{ROOT}status/{status['id']}/").json == status
    found, query, seen = [], "?limit=10", []
    while True:
        page = running.call("GET", f"{path}objects/{query}")
        first, last = (page.header(f"x-taxii-date-added-{which}") for which in ("first", "last"))
        assert re.fullmatch(STAMP, first)
        assert re.fullmatch(STAMP, last)
        seen += [first, last]
        found += page.json["objects"]
        if not page.json["more"]:
            assert "next" not in page.json
            break
        query = f"?limit=10&next={page.json['next']}"
    assert found == objects
    assert seen == sorted(seen)


def test_date_added_is_strict_and_its_own(running, path, parts):
    running.post(f"{path}objects/", {"objects": [parts.indicator() for _ in range(10)]})
    records = running.call("GET", f"{path}manifest/").json["objects"]
    dates = [each["date_added"] for each in records]
    assert dates == sorted(set(dates))
    after = running.call("GET", f"{path}objects/?added_after={dates[3]}").json["objects"]
    assert [each["id"] for each in after] == [each["id"] for each in records[4:]]
    empty = running.call("GET", f"{path}objects/?added_after={dates[-1]}")
    assert (empty.status, empty.json) == (200, {})
    assert empty.header("x-taxii-date-added-first") is None


def test_filters(running, path, parts):
    first = parts.indicator()
    seen = parts.sighting(first["id"])
    newer = {**first, "modified": "2026-11-02T00:00:00.000Z"}
    running.post(f"{path}objects/", {"objects": [first, seen]})
    running.post(f"{path}objects/", {"objects": [newer]})

    def ids(query, what="objects/"):
        return [each["id"] for each in running.call("GET", f"{path}{what}?{query}").json.get("objects", [])]

    assert ids("") == [seen["id"], first["id"]]
    assert ids("match[version]=all") == [first["id"], seen["id"], first["id"]]
    assert ids("match%5Bversion%5D=first&match%5Btype%5D=indicator") == [first["id"]]
    assert ids("match[type]=sighting,opinion") == [seen["id"]]
    assert ids(f"match[id]={first['id']},{MISSING}") == [first["id"]]
    assert ids(f"match[version]={first['modified']}&match[type]=indicator") == [first["id"]]
    assert ids("match[spec_version]=2.0") == []
    assert len(ids("match[spec_version]=2.1&match[version]=all", "manifest/")) == 3
    versions = running.call("GET", f"{path}objects/{first['id']}/versions/").json
    assert versions == {"more": False, "versions": [first["modified"], newer["modified"]]}
    one = running.call("GET", f"{path}objects/{first['id']}/").json["objects"]
    assert [each["modified"] for each in one] == [newer["modified"]]
    both = running.call("GET", f"{path}objects/{first['id']}/?match[version]=all").json["objects"]
    assert len(both) == 2
    assert running.call("GET", f"{path}objects/{first['id']}/?match[version]=2020-01-01T00:00:00Z").json == {}
    assert running.call("GET", f"{path}objects/{MISSING}/").status == 404
    assert running.call("GET", f"{path}objects/{MISSING}/versions/").status == 404


def test_who_asks_is_told_where_in_the_log_its_objects_stand(running, path, parts):
    bad = parts.indicator(name="a text")
    objects = [parts.indicator(), bad, parts.indicator()]
    status = running.post(f"{path}objects/?receipts=1", {"objects": objects}).json
    placed = status["x_stillwatch_receipts"]
    assert [one["id"] for one in placed] == [objects[0]["id"], objects[2]["id"]]
    given = running.call("GET", "/exchange/v1/receipts").json["receipts"]
    assert [(one["seq"], one["log_index"], one["salt"]) for one in placed] == [
        (one["seq"], one["log_index"], one["salt"]) for one in given
    ]
    assert "x_stillwatch_receipts" not in running.post(f"{path}objects/", {"objects": objects}).json
    assert running.post(f"{path}objects/?receipts=2", {"objects": objects}).status == 400


def test_one_bad_object_fails_alone_and_is_told_why(running, path, parts):
    good, bad = parts.indicator(), parts.indicator(description="a customer's name")
    status = running.post(f"{path}objects/", {"objects": [good, bad, 7]}).json
    assert (status["success_count"], status["failure_count"]) == (1, 2)
    assert status["failures"][0]["id"] == bad["id"]
    assert "description" in status["failures"][0]["message"]
    assert running.call("GET", f"{path}objects/{good['id']}/").status == 200


def test_a_bundle_passes_for_an_envelope(running, path, parts):
    bundle = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": [parts.indicator()]}
    assert running.post(f"{path}objects/", bundle).json["success_count"] == 1


def test_objects_are_erased_by_their_author_only(running, path, parts, web, bert):
    first = parts.indicator()
    running.post(f"{path}objects/", {"objects": [first]})
    address = f"{path}objects/{first['id']}/"
    assert running.call("DELETE", address, Authorization=web.basic(bert.credentials)).status == 403
    gone = running.call("DELETE", address)
    assert (gone.status, gone.body) == (200, b"")
    assert running.call("GET", address).status == 404
    assert running.call("DELETE", f"{path}objects/{MISSING}/").status == 404
    assert running.call("DELETE", f"{address}?limit=1").status in (200, 404)


def test_a_status_is_its_member_s_own(running, path, parts, web, bert):
    status = running.post(f"{path}objects/", {"objects": [parts.indicator()]}).json
    theirs = running.call("GET", f"{ROOT}status/{status['id']}/", Authorization=web.basic(bert.credentials))
    assert theirs.status == 404
    assert running.call("GET", f"{ROOT}status/{uuid.uuid4()}/").status == 404
    assert running.call("GET", f"{ROOT}status/nothing/").status == 404


def test_rights_are_held(running, parts, hub):
    hub.add_collection("read", "read-only", can_write=False)
    hub.add_collection("write", "write-only", can_read=False)
    assert (
        running.post(f"{ROOT}collections/read-only/objects/", {"objects": [parts.indicator()]}).status == 403
    )
    assert (
        running.post(f"{ROOT}collections/write-only/objects/", {"objects": [parts.indicator()]}).status == 202
    )
    for what in ("objects/", "manifest/", f"objects/{MISSING}/", f"objects/{MISSING}/versions/"):
        assert running.call("GET", f"{ROOT}collections/write-only/{what}").status == 403


@pytest.mark.parametrize(
    "what", ["/taxii2", "/taxii2/api", "/taxii2/api/collections", "/taxii2/api/collections/shared"]
)
def test_paths_without_their_slash_are_answered_alike(shared, what):
    assert shared.call("GET", what).body == shared.call("GET", f"{what}/").body


def errors(shared, web):
    path = f"{ROOT}collections/shared/"
    one = {"objects": [{"type": "indicator"}]}
    yield 400, shared.call("GET", f"{path}objects/?limit=0")
    yield 400, shared.call("GET", f"{path}objects/?match[name]=x")
    yield 400, shared.call("GET", f"{path}objects/?next=AAAA")
    yield 400, shared.call("GET", f"{path}objects/?a=%FF")
    yield 400, shared.post(f"{path}objects/", b"{")
    yield 401, shared.call("GET", "/taxii2/", Authorization=None)
    yield 401, shared.call("GET", "/taxii2/", Authorization="Basic x")
    yield 401, shared.call("GET", "/taxii2/", Authorization="Bearer x")
    yield 401, shared.call("GET", "/taxii2/", Authorization="Digest x")
    yield 404, shared.call("GET", "/taxii2/nothing/")
    yield 404, shared.call("GET", f"{ROOT}collections/{uuid.uuid4()}/objects/")
    yield 405, shared.call("PUT", f"{path}objects/")
    yield 405, shared.call("POST", "/taxii2/")
    yield 406, shared.call("GET", "/taxii2/", Accept="application/json")
    yield 406, shared.call("GET", f"{path}objects/", Accept="application/vnd.oasis.taxii+json; version=2.0")
    yield 413, shared.post(f"{path}objects/", b" " * (16 * 2**20 + 1))
    yield 415, shared.post(f"{path}objects/", one, kind="application/json")
    yield 415, shared.post(f"{path}objects/", one, kind="application/stix+json;version=2.1")
    yield 415, shared.post(f"{path}objects/", one, Content_Encoding="gzip")
    yield 422, shared.post(f"{path}objects/", {})
    yield 422, shared.post(f"{path}objects/", {**one, "x_stillwatch_batch": {"payload": ""}})


def test_errors_are_taxii_s_own(shared, web):
    for status, answer in errors(shared, web):
        assert answer.status == status, answer.body
        assert answer.header("content-type") == web.TAXII
        found = json.loads(answer.body)
        assert set(found) - {"details"} == web.PROBLEM
        assert found["http_status"] == str(status)
        assert found["error_id"] == answer.header("x-request-id")
        if status == 401:
            assert answer.headers.get_all("www-authenticate")[0].startswith("Basic realm=")
        if status == 405:
            assert answer.header("allow")


def test_head_is_get_without_a_body(shared):
    answer = shared.call("HEAD", "/taxii2/")
    assert (answer.status, answer.body) == (200, b"")


def test_every_answer_forbids_guessing_and_keeping(shared):
    answer = shared.call("GET", "/taxii2/")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cache-control") == "no-store"
