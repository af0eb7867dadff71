"""Group commit, ownership, duplicates, signed batches, quotas."""

import base64
import itertools
import os
import threading

import pytest

from stillwatch.hub import deciding
from stillwatch.hub.errors import Refused
from stillwatch.hub.model import Limits
from stillwatch.intelligence.extension import PSEUDONYM


def messages(status):
    return [one.message for one in status.failures]


def test_numbers_and_times_go_up_without_gaps(hub, anna, bert, parts):
    for _ in range(3):
        anna.post(parts.indicator(), parts.indicator())
        bert.post(parts.indicator())
    rows = anna.all()
    assert [row.seq for row in rows] == list(range(1, 10))
    assert all(a.date_added < b.date_added for a, b in itertools.pairwise(rows))


def test_one_bad_object_fails_alone(hub, anna, parts):
    good = parts.indicator()
    status = anna.post(
        b"no json", good, parts.indicator(description="free text"), b"[]", b'{"type":"bundle"}'
    )
    assert (status.success_count, status.failure_count) == (1, 4)
    assert [one.id for one in status.successes] == [good["id"]]
    assert sum(hub.stats().refused.values()) == 4


def test_the_same_version_again_is_a_success_without_a_row(hub, anna, parts):
    item = parts.indicator()
    anna.post(item)
    status = anna.post(item, item)
    assert [one.message for one in status.successes] == [deciding.THERE_ALREADY] * 2
    assert hub.head() == 1


def test_twice_in_one_post_is_one_row(hub, anna, parts):
    item = parts.indicator()
    status = anna.post(item, item, {**item, "confidence": 50})
    assert (status.success_count, messages(status)) == (2, [deciding.DIFFERENT])
    assert hub.head() == 1


def test_the_same_version_with_other_content_fails(hub, anna, parts):
    item = parts.indicator()
    anna.post(item)
    assert messages(anna.post({**item, "confidence": 50})) == [deciding.DIFFERENT]


def test_nobody_writes_anothers_object(hub, anna, bert, parts):
    item = parts.indicator()
    anna.post(item)
    for change in ({"modified": parts.day(320)}, {"modified": parts.day(320), "revoked": True}, {}):
        assert messages(bert.post({**item, **change})) == [deciding.NOT_YOURS]
    assert hub.head() == 1


def test_the_first_in_one_group_owns_it(hub, anna, bert, parts):
    item = parts.indicator()
    assert anna.post(item).success_count == 1
    assert bert.post(item).failure_count == 1


def test_nobody_speaks_as_another(hub, anna, bert, parts):
    pseudonym = anna.pseudonym()
    assert messages(bert.post(parts.indicator(created_by_ref=pseudonym))) == [deciding.NOT_YOU]
    assert anna.post(parts.indicator(created_by_ref=pseudonym)).success_count == 1
    described = {
        "type": "identity",
        "spec_version": "2.1",
        "id": pseudonym,
        "created": parts.DAY,
        "modified": parts.DAY,
        "name": "Anonymous member",
    }
    assert messages(bert.post(described)) == [deciding.NOT_YOURS]
    assert anna.post(described).success_count == 1


def test_nobody_speaks_as_an_identity_that_another_stored(hub, anna, bert, parts):
    described = {
        "type": "identity",
        "spec_version": "2.1",
        "id": "identity--6b1d9a1e-3f0c-4c8e-9d57-0b0d8a6c1f22",
        "created": parts.DAY,
        "modified": parts.DAY,
        "name": "Anonymous member",
    }
    anna.post(described)
    item = parts.indicator(created_by_ref=described["id"])
    assert messages(bert.post(item)) == [deciding.NOT_YOU]


def test_who_names_an_identity_first_has_it(hub, anna, bert, parts):
    """No object of that name and no certificate is needed: an author id that was used is taken."""
    name, other = (parts.identity()["id"] for _ in range(2))
    assert anna.post(parts.indicator(created_by_ref=name)).success_count == 1
    assert messages(bert.post(parts.indicator(created_by_ref=name))) == [deciding.NOT_YOU]
    assert messages(bert.post(parts.identity(id=name))) == [deciding.NOT_YOURS]
    assert anna.post(parts.identity(id=name), parts.indicator(created_by_ref=name)).success_count == 2
    # Within one post, too; and what failed has claimed nothing.
    assert bert.post(parts.identity(id=other), parts.indicator(created_by_ref=other)).success_count == 2
    assert messages(anna.post(parts.indicator(created_by_ref=other))) == [deciding.NOT_YOU]
    third = parts.identity()["id"]
    taken = parts.indicator()
    anna.post(taken)
    assert bert.post({**taken, "created_by_ref": third}).failure_count == 1
    assert anna.post(parts.indicator(created_by_ref=third)).success_count == 1


def test_nobody_says_that_another_sighted_something(hub, anna, bert, parts):
    pseudonym, plain = anna.pseudonym(), parts.identity()["id"]
    item = parts.indicator()
    anna.post(item, parts.sighting(item["id"], where_sighted_refs=[plain]))
    for name in (pseudonym, plain):
        sighting = parts.sighting(item["id"], where_sighted_refs=[name])
        assert messages(bert.post(sighting)) == [deciding.NOT_YOU]
        assert anna.post(sighting).success_count == 1


def test_nobody_speaks_as_the_author_of_the_extensions(hub, anna, parts):
    from stillwatch.intelligence.extension import AUTHOR

    assert messages(anna.post(parts.indicator(created_by_ref=AUTHOR))) == [deciding.NOT_YOU]


def test_an_identity_claims_no_certificate_but_its_own(hub, anna, parts):
    pseudonym = anna.pseudonym()
    certified = anna.request()["public_key"]

    def said(epoch="1", key=certified, **fields):
        inside = {"extension_type": "property-extension", "epoch": epoch, "public_key": key}
        return parts.identity(id=pseudonym, extensions={PSEUDONYM: inside}) | fields

    other = base64.b64encode(os.urandom(32)).decode()
    for wrong in (said(epoch="2"), said(key=other), said(id=parts.identity()["id"])):
        assert messages(anna.post(wrong)) == [deciding.NOT_CERTIFIED]
    assert anna.post(said()).success_count == 1


def test_constants_belong_to_nobody(hub, anna, bert, parts):
    from stillwatch.intelligence.extension import published

    constants = list(published())
    assert anna.post(*constants).success_count == len(constants)
    assert bert.post(*constants).success_count == len(constants)
    assert hub.head() == len(constants)
    assert bert.post({**constants[0], "name": "TLP:NONE"}).failure_count == 1
    with pytest.raises(Refused) as refused:
        hub.delete(anna.member, anna.collection, constants[0]["id"], parts.Query())
    assert refused.value.status == 403


def test_nothing_comes_after_revocation(hub, anna, parts):
    item = parts.indicator(modified=parts.day(310))
    anna.post(item)
    anna.post({**item, "modified": parts.day(320), "revoked": True})
    assert messages(anna.post({**item, "modified": parts.day(321)})) == [deciding.REVOKED]
    assert anna.post({**item, "modified": parts.day(315)}).success_count == 1


def test_versions_come_in_any_order(hub, anna, parts):
    item = parts.indicator(created=parts.day(100))
    anna.post({**item, "modified": parts.day(305)})
    anna.post({**item, "modified": parts.day(303)}, {**item, "modified": parts.day(307)})
    anna.post({**item, "modified": parts.day(306)})

    def order(**query):
        return [row.seq for row in anna.all(**query)]

    assert order() == [3]
    assert order(versions=("first",)) == [2]
    assert order(versions=("first", "last")) == [2, 3]
    assert order(versions=("all",)) == [1, 2, 3, 4]
    assert order(versions=(parts.day(305),)) == [1]
    assert order(versions=(parts.day(306), "first")) == [2, 4]


def test_signed_batch(hub, anna, bert, parts):
    pseudonym = anna.pseudonym()
    items = [parts.indicator(created_by_ref=pseudonym), parts.indicator()]
    assert anna.post_signed(*items).success_count == 2
    receipts = hub.receipts(bert.member, 0, 10)
    assert len(receipts["batches"]) == 1
    assert [one["batch_index"] for one in receipts["receipts"]] == [0, 1]
    assert hub.verify() is None


def test_batch_with_an_object_that_the_rules_refuse(hub, anna, parts):
    """Its leaf counts, though it is not stored."""
    pseudonym = anna.pseudonym()
    items = [parts.indicator(description="x"), parts.indicator(created_by_ref=pseudonym)]
    status = anna.post_signed(*items)
    assert (status.success_count, status.failure_count) == (1, 1)
    assert hub.receipts(anna.member, 0, 10)["receipts"][0]["batch_index"] == 1
    assert hub.verify() is None


def test_author_in_a_batch_is_its_pseudonym(hub, anna, parts):
    anna.pseudonym()
    item = parts.indicator(created_by_ref="identity--6b1d9a1e-3f0c-4c8e-9d57-0b0d8a6c1f22")
    assert anna.post_signed(item).failure_count == 1
    assert anna.post(item).success_count == 1


def test_batches_that_are_refused(hub, anna, bert, parts):
    mine, theirs = anna.pseudonym(), bert.pseudonym()
    item, other = parts.indicator(), parts.indicator()
    good = anna.sign(item)
    for envelope, objects in (
        (b"{}", [item]),
        (b"no json", [item]),
        (good, [other]),
        (good, [item, other]),
        (good.replace(b"stillwatch.batch", b"stillwatch.other"), [item]),
        (anna.sign(item, pseudonym=theirs), [item]),
        (anna.sign(item, pseudonym="identity--6b1d9a1e-3f0c-4c8e-9d57-0b0d8a6c1f22"), [item]),
        (anna.sign(item, epoch=2), [item]),
        (anna.sign(item, collection="6b1d9a1e-3f0c-4c8e-9d57-0b0d8a6c1f22"), [item]),
        (bert.sign(item, pseudonym=mine), [item]),
    ):
        with pytest.raises(Refused) as refused:
            anna.post(*objects, batch=envelope)
        assert refused.value.status == 422, envelope
    assert hub.head() == 0
    with pytest.raises(Refused):
        bert.post(item, batch=good)


def test_batch_of_the_epoch_before(hub, anna, parts):
    anna.pseudonym()
    item = parts.indicator()
    envelope = anna.sign(item)
    hub.new_epoch()
    assert anna.post(item, batch=envelope).success_count == 1
    with hub.database.write() as tx:
        tx.execute("UPDATE epochs SET began = began - ?", (2 * 86_400 * 1_000_000,))
    hub.new_epoch()
    with hub.database.write() as tx:
        tx.execute("UPDATE epochs SET began = began - ? WHERE number = 2", (2 * 86_400 * 1_000_000,))
    later = parts.indicator()
    envelope = anna.sign(later, epoch=1, pseudonym=hub.database.one("SELECT id FROM pseudonyms")[0])
    fresh = parts.Exchange.open(hub.folder, hub.settings.database)
    try:
        with pytest.raises(Refused) as refused:
            anna.post(later, batch=envelope, hub=fresh)
        assert refused.value.status == 422
    finally:
        fresh.close()


def test_quota(hub, parts):
    carla = parts.Provider(hub, "carla", Limits(objects_per_day=3, bytes_per_day=10_000))
    dora = parts.Provider(hub, "dora", Limits(objects_per_day=3, bytes_per_day=500))
    carla.post(parts.indicator(), parts.indicator())
    with pytest.raises(Refused) as refused:
        carla.post(parts.indicator(), parts.indicator())
    assert refused.value.status == 429
    assert 0 < refused.value.retry_after <= 86_400
    assert carla.post(parts.indicator()).success_count == 1
    with pytest.raises(Refused):
        dora.post(parts.indicator(), parts.indicator())


def test_many_at_once_are_committed_in_groups(hub, anna, bert, parts):
    failed = []

    def post(provider):
        try:
            for _ in range(10):
                assert provider.post(parts.indicator(), parts.indicator()).success_count == 2
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=post, args=(who,)) for who in (anna, bert) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    rows = anna.all()
    assert [row.seq for row in rows] == list(range(1, 161))
    assert hub.stats().transactions <= 80
    assert hub.stats().waiting == 0
    assert hub.verify() is None


def test_a_fault_costs_only_its_own_submission(hub, anna, bert, parts):
    """One whose transaction fails for a reason of its own leaves the others theirs."""
    good = parts.indicator()
    appender = hub._appender
    results = {}

    def post(name, provider, *objects):
        try:
            results[name] = provider.post(*objects)
        except Exception as error:
            results[name] = error

    with appender._turn:
        threads = [
            threading.Thread(target=post, args=("good", anna, good)),
            threading.Thread(target=post, args=("bad", bert, parts.indicator())),
        ]
        for thread in threads:
            thread.start()
        while appender.waiting < 2:
            pass
        # A member that is not in the store breaks the foreign key of its use.
        for submission in appender._waiting:
            if submission.member == bert.member:
                submission.number = 99
    for thread in threads:
        thread.join()
    assert results["good"].success_count == 1
    assert isinstance(results["bad"], Exception)
    assert [row.stix_id for row in anna.all()] == [good["id"]]
