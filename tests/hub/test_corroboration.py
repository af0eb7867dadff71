import pytest

from stillwatch.hub.corroboration import bucket


@pytest.mark.parametrize(("count", "told"), [(0, "0"), (1, "1"), (2, "2 or more"), (99, "2 or more")])
def test_buckets(count, told):
    assert bucket(count) == told


def told(hub, provider, item):
    (found,) = hub.corroboration(provider.member, [item["id"]])
    assert found["id"] == item["id"]
    return found["sightings"], found["false_positives"]


def test_distinct_members_count_and_the_author_does_not(hub, anna, bert, parts):
    carla, dora = parts.Provider(hub, "carla"), parts.Provider(hub, "dora")
    item = parts.indicator()
    bert.post(parts.sighting(item["id"]))
    assert told(hub, anna, item) == ("1", "0")
    anna.post(item, parts.sighting(item["id"]))
    assert told(hub, anna, item) == ("1", "0")
    bert.post(parts.sighting(item["id"]), parts.opinion(item["id"]))
    assert told(hub, anna, item) == ("1", "1")
    carla.post(parts.sighting(item["id"]), parts.opinion(item["id"], "agree"))
    assert told(hub, dora, item) == ("2 or more", "1")
    anna.post(parts.opinion(item["id"], "disagree"))
    assert told(hub, dora, item) == ("2 or more", "1")


def test_what_the_asker_said_is_no_other_s_word(hub, anna, bert, parts):
    carla = parts.Provider(hub, "carla")
    item = parts.indicator()
    anna.post(item)
    bert.post(parts.sighting(item["id"]), parts.opinion(item["id"]))
    assert told(hub, bert, item) == ("0", "0")
    assert told(hub, carla, item) == ("1", "1")


def test_what_is_revoked_or_erased_or_changed_counts_no_longer(hub, anna, bert, parts):
    item = parts.indicator()
    anna.post(item)
    seen, said, gone = parts.sighting(item["id"]), parts.opinion(item["id"]), parts.sighting(item["id"])
    carla = parts.Provider(hub, "carla")
    bert.post(seen, said)
    carla.post(gone)
    assert told(hub, anna, item) == ("2 or more", "1")
    bert.post({**seen, "modified": parts.day(320), "revoked": True})
    bert.post({**said, "modified": parts.day(320), "opinion": "agree"})
    assert told(hub, anna, item) == ("1", "0")
    bert.post({**said, "modified": parts.day(310)})
    assert told(hub, anna, item) == ("1", "0")
    hub.delete(carla.member, carla.collection, gone["id"], parts.Query())
    assert told(hub, anna, item) == ("0", "0")


def test_many_ids_at_once(hub, anna):
    ids = [f"indicator--{number}" for number in range(100)]
    assert [found["id"] for found in hub.corroboration(anna.member, ids)] == ids
