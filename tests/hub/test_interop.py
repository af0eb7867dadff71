"""Clients that other people wrote do all that they can against a running hub, on both stores."""

import json
import time

import pytest
import stix2
from taxii2client.v21 import ApiRoot, Collection, Server, Status, as_pages

DAY = "2026-10-01T00:00:00.000Z"


@pytest.fixture
def account(running, anna):
    """Keyword arguments of clients."""
    basic = anna.credentials["basic"]
    return {"user": basic["username"], "password": basic["password"]}


@pytest.fixture
def where(running, anna):
    return f"{running.url}/taxii2/api/collections/{anna.collection}/"


def indicators(count):
    return [
        stix2.Indicator(
            pattern=f"[ipv4-addr:value = '198.51.100.{n + 1}']",
            pattern_type="stix",
            created=DAY,
            modified=DAY,
        )
        for n in range(count)
    ]


def posted(objects):
    """As a client of TAXII sends them."""
    return {"objects": [json.loads(item.serialize()) for item in objects]}


def test_taxii2_client_finds_its_way(running, account, anna):
    server = Server(f"{running.url}/taxii2/", **account)
    assert server.title
    root = server.default or server.api_roots[0]
    assert isinstance(root, ApiRoot)
    assert root.url in [each.url for each in server.api_roots]
    assert root.versions == ["application/taxii+json;version=2.1"]
    assert root.max_content_length > 0
    assert anna.collection in [collection.id for collection in root.collections]


def test_taxii2_client_writes_polls_pages_and_deletes(where, account):
    collection = Collection(where, **account)
    assert collection.can_read
    assert collection.can_write
    made = indicators(25)
    status = collection.add_objects(posted(made), wait_for_completion=True)
    assert isinstance(status, Status)
    assert (status.status, status.success_count, status.failure_count) == ("complete", 25, 0)
    status.refresh()
    assert {one["id"] for one in status.successes} == {item.id for item in made}

    assert [o["id"] for o in collection.get_objects()["objects"]] == [item.id for item in made]
    for per_request in (1, 4, 25, 100):
        paged = list(as_pages(collection.get_objects, per_request=per_request))
        assert [o["id"] for page in paged for o in page["objects"]] == [item.id for item in made]
    manifest = [
        entry for page in as_pages(collection.get_manifest, per_request=10) for entry in page["objects"]
    ]
    assert [entry["id"] for entry in manifest] == [item.id for item in made]

    later = collection.get_objects(added_after=manifest[9]["date_added"])
    assert [o["id"] for o in later["objects"]] == [item.id for item in made[10:]]
    assert collection.get_objects(type="identity").get("objects", []) == []
    assert [o["id"] for o in collection.get_objects(id=made[3].id)["objects"]] == [made[3].id]

    newer = made[3].new_version(revoked=True)
    assert collection.add_objects(posted([newer])).success_count == 1
    assert collection.get_object(made[3].id)["objects"][0]["revoked"]
    assert len(collection.get_object(made[3].id, version="all")["objects"]) == 2
    assert len(collection.object_versions(made[3].id)["versions"]) == 2
    collection.delete_object(made[3].id)
    assert collection.get_objects(id=made[3].id).get("objects", []) == []
    assert len(next(iter(as_pages(collection.get_objects, per_request=30)))["objects"]) == 24


def test_a_bad_object_fails_by_itself(where, account):
    good, bad = posted(indicators(2))["objects"]
    status = Collection(where, **account).add_objects({"objects": [good, bad | {"description": "price 4"}]})
    assert (status.success_count, status.failure_count) == (1, 1)
    assert "description" in status.failures[0]["message"]


def test_stix2_s_store_reads_and_writes(where, account):
    store = stix2.TAXIICollectionStore(Collection(where, **account))
    made = indicators(5)
    store.add(made)
    newer = made[0].new_version(revoked=True)
    store.add(stix2.Bundle(newer))
    assert store.get(made[1].id) == made[1]
    assert store.get(made[0].id).revoked
    assert len(store.all_versions(made[0].id)) == 2
    assert store.get("indicator--00000000-0000-4000-8000-000000000000") is None
    found = store.query([stix2.Filter("type", "=", "indicator")])
    assert {item.id for item in found} == {item.id for item in made}
    found = store.query([stix2.Filter("pattern", "contains", "198.51.100.3'")])
    assert [item.id for item in found] == [made[2].id]


def test_stix2_s_source_and_sink(where, account):
    collection = Collection(where, **account)
    sink, source = stix2.TAXIICollectionSink(collection), stix2.TAXIICollectionSource(collection)
    (made,) = indicators(1)
    sink.add(made)
    assert source.get(made.id) == made
    date = collection.get_manifest()["objects"][0]["date_added"]
    time.sleep(0.001)
    assert source.query([stix2.Filter("added_after", "=", date)]) == []
