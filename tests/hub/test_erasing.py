import pytest

from stillwatch.hub import deciding, times
from stillwatch.hub.errors import Refused
from stillwatch.hub.model import Query


def versions(anna, parts, *days):
    item = parts.indicator(created=parts.day(100))
    anna.post(*({**item, "modified": parts.day(day)} for day in days))
    return item


def test_only_ones_own(hub, anna, bert, parts):
    item = parts.indicator()
    anna.post(item)
    for provider, stix_id, status in ((bert, item["id"], 403), (anna, "indicator--x", 404)):
        with pytest.raises(Refused) as refused:
            hub.delete(provider.member, anna.collection, stix_id, Query())
        assert refused.value.status == status
    assert hub.delete(anna.member, anna.collection, item["id"], Query()) == 1
    with pytest.raises(Refused):
        hub.delete(anna.member, anna.collection, item["id"], Query())
    assert anna.all() == []
    assert hub.verify() is None


def test_one_version(hub, anna, parts):
    item = versions(anna, parts, 101, 102, 103)
    asked = Query(versions=("last",))
    assert hub.delete(anna.member, anna.collection, item["id"], asked) == 1
    assert [row.seq for row in anna.all()] == [2]
    assert hub.delete(anna.member, anna.collection, item["id"], Query(versions=(parts.day(101),))) == 1
    assert [row.seq for row in anna.all(versions=("first",))] == [2]
    assert [row.seq for row in anna.all(versions=("all",))] == [2]
    assert hub.verify() is None


def test_what_is_erased_is_gone_from_the_store(hub, anna, parts):
    pseudonym = anna.pseudonym()
    item, other = parts.indicator(created_by_ref=pseudonym), parts.indicator(created_by_ref=pseudonym)
    anna.post_signed(item, other)
    hub.delete(anna.member, anna.collection, item["id"], Query())
    assert hub.database.query("SELECT seq FROM contents") == [(2,)]
    assert len(hub.database.query("SELECT 1 FROM batches")) == 1
    hub.delete(anna.member, anna.collection, other["id"], Query())
    assert hub.database.query("SELECT seq FROM contents") == []
    # Leaves of a batch are digests without salt, by which content could be guessed.
    assert hub.database.query("SELECT 1 FROM batches") == []
    assert hub.verify() is None


def test_an_erased_version_does_not_come_back(hub, anna, bert, parts):
    item = parts.indicator()
    anna.post(item)
    hub.delete(anna.member, anna.collection, item["id"], Query())
    (failure,) = anna.post(item).failures
    assert failure.message == deciding.ERASED
    assert bert.post({**item, "modified": parts.day(320)}).failure_count == 1
    assert anna.post({**item, "modified": parts.day(320)}).success_count == 1
    assert [row.seq for row in anna.all()] == [2]
    assert [row.seq for row in anna.all(versions=("first",))] == [2]


def test_sweep(hub, anna, parts):
    valid = times.stamp(times.now() + 3_600 * times.MICROSECONDS)
    kept = parts.indicator(valid_from=parts.day(1), valid_until=valid)
    gone = [parts.indicator(valid_from=parts.day(1), valid_until=parts.day(2)) for _ in range(3)]
    status = anna.post(kept, *gone, parts.indicator())
    assert hub.sweep(keep_days=36_500) == 0
    assert hub.sweep() == 3
    assert hub.sweep() == 0
    assert [row.seq for row in anna.all()] == [1, 5]
    assert hub.verify() is None
    assert hub.status(anna.member, status.id).success_count == 5
    with hub.database.write() as tx:
        tx.execute("UPDATE statuses SET requested = 1")
    with pytest.raises(Refused) as refused:
        hub.status(anna.member, status.id)
    assert refused.value.status == 404
    hub.sweep()
    assert hub.database.query("SELECT 1 FROM statuses") == []


def test_sweep_of_more_than_one_transaction(hub, anna, parts, monkeypatch):
    monkeypatch.setattr("stillwatch.hub.erasing._AT_ONCE", 4)
    anna.post(*(parts.indicator(valid_from=parts.day(1), valid_until=parts.day(2)) for _ in range(10)))
    assert hub.sweep() == 10
    assert hub.verify() is None


def test_no_version_goes_on_without_the_end_that_a_later_one_set(hub, anna, parts):
    endless = parts.indicator(valid_from=parts.day(1), created=parts.day(1), modified=parts.day(1))
    ended = {**endless, "modified": parts.day(2), "valid_until": parts.day(3)}
    longer = parts.indicator(
        valid_from=parts.day(1), valid_until=parts.day(2), created=parts.day(1), modified=parts.day(1)
    )
    anna.post(
        endless,
        ended,
        longer,
        {
            **longer,
            "modified": parts.day(2),
            "valid_until": times.stamp(times.now() + 3_600 * times.MICROSECONDS),
        },
    )
    assert hub.sweep() == 3
    assert [row.seq for row in anna.all(versions=("all",))] == [4]
    assert hub.verify() is None


def test_a_withdrawal_goes_with_the_whole_object_only(hub, anna, parts):
    item = versions(anna, parts, 101, 102)
    anna.post({**item, "modified": parts.day(103), "revoked": True})
    for asked in (Query(versions=("last",)), Query(versions=(parts.day(103),))):
        with pytest.raises(Refused) as refused:
            hub.delete(anna.member, anna.collection, item["id"], asked)
        assert refused.value.status == 403
    assert hub.delete(anna.member, anna.collection, item["id"], Query(versions=("first",))) == 1
    assert hub.delete(anna.member, anna.collection, item["id"], Query()) == 2


def test_what_was_withdrawn_stays_so_when_all_of_it_is_erased(hub, anna, parts):
    item = versions(anna, parts, 101)
    anna.post({**item, "modified": parts.day(103), "revoked": True})
    hub.delete(anna.member, anna.collection, item["id"], Query())
    for day in (102, 104):
        status = anna.post({**item, "modified": parts.day(day)})
        assert [one.message for one in status.failures] == [deciding.REVOKED]
    # In another collection it was never withdrawn.
    other = hub.add_collection("Other")
    assert hub.submit(anna.member, other, [parts.canonical(item)], None, 1).success_count == 1


def test_what_expired_may_be_said_anew(hub, anna, parts):
    """Only a withdrawal is for good."""
    item = parts.indicator(valid_until=parts.day(2), valid_from=parts.day(1), created=parts.day(1))
    anna.post(item)
    assert hub.sweep() == 1
    assert anna.post({**item, "modified": parts.day(330), "valid_until": parts.day(336)}).success_count == 1
