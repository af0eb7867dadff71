import pytest

from stillwatch.hub.errors import Refused
from stillwatch.hub.model import Query
from stillwatch.records.errors import InputError


def test_every_member_may_read_and_write_the_shared_one(hub, anna, bert):
    for provider in (anna, bert):
        (found,) = hub.collections(provider.member)
        assert (found.id, found.can_read, found.can_write) == (anna.collection, True, True)
        assert hub.collection(provider.member, found.alias) == found


def status(call, *arguments):
    with pytest.raises(Refused) as refused:
        call(*arguments)
    return refused.value.status


def test_rights(hub, anna, bert, parts):
    read = hub.add_collection("Read", "read", can_write=False)
    write = hub.add_collection("Write", can_read=False)
    hidden = hub.add_collection("Hidden", can_read=False, can_write=False)
    item = parts.canonical(parts.indicator())

    def post(name):
        return hub.submit(anna.member, name, [item], None, len(item))

    assert [found.id for found in hub.collections(anna.member)] == sorted([read, write, anna.collection])
    assert status(post, read) == 403
    assert post(write).success_count == 1
    assert status(post, hidden) == 404
    assert status(post, "nothing") == 404
    assert hub.objects(anna.member, "read", Query()).rows == []
    assert status(hub.objects, anna.member, write, Query()) == 403
    assert status(hub.delete, anna.member, write, parts.json.loads(item)["id"], Query()) == 403
    assert status(hub.objects, anna.member, hidden, Query()) == 404
    hub.grant(bert.member, "read", can_read=False, can_write=False)
    assert status(hub.collection, bert.member, read) == 404
    hub.grant(anna.member, hidden, can_read=True, can_write=True)
    hub.grant(anna.member, hidden, can_read=True, can_write=False)
    assert status(post, hidden) == 403
    assert hub.collection(anna.member, hidden).can_read


def test_what_can_not_be_read_is_not_followed(hub, anna, bert, parts):
    secret = hub.add_collection("Secret", can_read=False)
    item = parts.canonical(parts.indicator())
    hub.submit(anna.member, secret, [item], None, len(item))
    anna.post(parts.indicator())
    hub.grant(anna.member, secret, can_read=True, can_write=True)
    assert [event.seq for event in hub.events(bert.member, 0, 10).events] == [2]
    assert [event.seq for event in hub.events(anna.member, 0, 10).events] == [1, 2]
    assert [event.seq for event in hub.events(anna.member, 0, 10, {secret}).events] == [1]
    assert hub.events(bert.member, 0, 10, {secret}).events == []
    assert [one["seq"] for one in hub.receipts(bert.member, 0, 10)["receipts"]] == [2]


def test_aliases_are_taken_once(hub, anna):
    with pytest.raises(InputError, match="shared"):
        hub.add_collection("Other", "shared")
    with pytest.raises(InputError, match="no collection"):
        hub.grant(anna.member, "nothing", can_read=True, can_write=True)
