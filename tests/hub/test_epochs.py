import base64

from stillwatch.hub import times


def test_a_hub_begins_with_epoch_one(hub):
    epoch = hub.epoch()
    assert epoch["number"] == 1
    assert len(base64.b64decode(epoch["template_key"])) == 16
    assert epoch["rules"] == hub.rules.digest
    assert times.parse(epoch["began"]) <= times.now()


def test_a_new_epoch_has_a_new_key(hub, anna):
    first = hub.epoch()
    pseudonym = anna.pseudonym()
    second = hub.new_epoch()
    assert second == hub.epoch()
    assert second["number"] == 2
    assert second["template_key"] != first["template_key"]
    me = hub.me(anna.member)
    assert (me["epoch"], me["pseudonym"]) == (2, None)
    assert anna.pseudonym() != pseudonym
    assert hub.verify() is None
