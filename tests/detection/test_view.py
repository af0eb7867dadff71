"""The evidence before an hour: the same as the evidence of everything before it, samples and all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.detection.evidence import KINDS, N_CONTENT
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view


@st.composite
def small_worlds(draw, worlds):
    """Up to seven accounts, twelve hours, few objects: everything meets everything."""
    # Of few exchanges that are looked at there are samples even here.
    world = worlds.World(settings=Settings(looked_at=draw(st.sampled_from([1, 3, 256]))))
    names = st.sampled_from(["x", "y", "z"])
    maybe = st.one_of(st.none(), names)
    n = draw(st.integers(1, 7))
    for number in range(n):
        if draw(st.booleans()):
            world.account(
                number,
                created=worlds.MONDAY - draw(st.integers(1, 100)),
                payment_fingerprint=draw(maybe),
                phone_fingerprint=draw(maybe),
                plan=draw(st.sampled_from([None, "paid"])),
                verified=draw(st.one_of(st.none(), st.booleans())),
            )
    for _ in range(draw(st.integers(1, 30))):
        world.say(
            draw(st.integers(0, n - 1)),
            worlds.MONDAY + draw(st.integers(0, 11)),
            objects=tuple(
                draw(st.dictionaries(st.sampled_from(["prefix", "system", "phrase"]), names)).items()
            ),
            item=draw(maybe),
            address=draw(maybe),
            credential=draw(maybe),
            end_user=draw(maybe),
            tools=draw(st.one_of(st.none(), st.booleans())),
            later_turn=draw(st.one_of(st.none(), st.booleans())),
            model=draw(st.sampled_from(["m", "n"])),
            marks=tuple(draw(st.sets(st.sampled_from(["rubric_grading", "fake_debug"])))),
            text=draw(st.booleans()),
        )
    return world


def holders_of(view):
    """Along the pairs of accounts and objects: the accounts."""
    return np.repeat(np.arange(len(view.active)), np.diff(view.share_start))


def shares_of(view):
    """Along the pairs of accounts and objects: the share of the account's texts."""
    return view.share(holders_of(view), np.arange(len(view.share_obj)))


def seen_by(world, view):
    """What a view says in names instead of codes, objects named by who uses them when."""
    evidence = view.evidence
    ids = evidence.accounts.ids
    facts = evidence.accounts
    events = {row: e.event_id for row, e in enumerate(world.exchanges)}
    active = np.flatnonzero(view.active)
    totals = {
        ids[code]: {name: float(column[code]) for name, column in view.totals.items()} for code in active
    }
    novelty = {
        ids[code]: {kind: float(counts[code]) for kind, counts in view.novelty.items()} for code in active
    }
    # What is kept of each exchange that is looked at.
    looks = {
        events[int(evidence.ex_row[ex])]: (
            int(evidence.ex_marks[ex]),
            int(evidence.ex_tools[ex]),
            int(evidence.ex_later[ex]),
        )
        for ex in np.flatnonzero(view.seen).tolist()
    }
    carried = {}
    for ex, obj in zip(*(each.tolist() for each in view.objects_of(np.flatnonzero(view.seen))), strict=True):
        carried.setdefault(obj, []).append(events[int(evidence.ex_row[ex])])
    texts = sorted((KINDS[evidence.obj_kind[obj]], sorted(of)) for obj, of in carried.items())
    users = {}
    for acc, obj, share in zip(
        holders_of(view).tolist(), view.share_obj.tolist(), shares_of(view).tolist(), strict=True
    ):
        users.setdefault(obj, []).append((ids[acc], round(share, 9)))
    shares = sorted((KINDS[evidence.obj_kind[obj]], sorted(of)) for obj, of in users.items())
    # What one account holds alone joins nobody, in a scan of the past it is not even an object.
    links = sorted(
        (KINDS[evidence.obj_kind[obj]], evidence.obj_value[obj], ids[acc])
        for acc, obj in zip(view.link_acc.tolist(), view.link_obj.tolist(), strict=True)
        if view.popularity[obj] > 1
    )
    known = {
        ids[code]: (int(view.created[code]), str(facts.plan[code]), int(facts.verified[code]))
        for code in active
    }
    return totals, novelty, looks, texts, shares, links, known


@settings(max_examples=150)
@given(data=st.data())
def test_a_view_of_the_past_is_the_evidence_of_the_past(worlds, data):
    world = data.draw(small_worlds(worlds))
    hour = worlds.MONDAY + data.draw(st.integers(1, 12))
    earlier = world.before(hour)
    if earlier.exchanges:
        then = view(earlier.evidence())
        now = view(world.evidence(), until=hour)
        assert seen_by(world, now) == seen_by(earlier, then)
        assert now.population == then.population


@settings(max_examples=60)
@given(data=st.data())
def test_order_of_rows_and_keys_mean_nothing(worlds, data):
    world = data.draw(small_worlds(worlds))
    mixed = world.shuffled(np.random.default_rng(data.draw(st.integers(0, 99))))
    one, two = world.evidence(salt=0), mixed.evidence(salt=1)
    for name in (
        "ex_time", "ex_acc", "ex_hour", "ex_luck", "ex_item", "tie_start", "tie_obj", "obj_ready", "link_acc", "link_obj",
        "link_hour", "obj_kind", "obj_value", "ex_marks", "ex_text", "ex_tools", "ex_later",
    ):  # fmt: skip
        assert getattr(one, name).tolist() == getattr(two, name).tolist(), name
    assert one.accounts.ids.tolist() == two.accounts.ids.tolist()
    assert seen_by(world, view(one)) == seen_by(mixed, view(two))


def test_objects_and_their_holders(world):
    seen = view(world.evidence())
    kinds = [KINDS[k] for k in seen.evidence.obj_kind]
    assert kinds == ["prefix", "suffix", "payment", "address"]
    assert seen.popularity.tolist() == [3, 3, 2, 2]
    assert shares_of(seen).tolist() == [0.5] * 6
    assert seen.evidence.obj_value.tolist() == ["", "", "card", "shared"]


def test_sums_of_accounts(worlds, world):
    seen = view(world.evidence())
    assert seen.totals["n"].tolist() == seen.totals["texts"].tolist() == [4, 4, 4]
    assert seen.totals["mark_fake_debug"].tolist() == [1, 0, 0]
    assert seen.novelty["address"].tolist() == [1, 1, 4]
    assert (seen.totals["first"] // 3.6e9).tolist() == [worlds.MONDAY + 2 * k for k in range(3)]
    assert (seen.totals["last"] // 3.6e9).tolist() == [worlds.MONDAY + 2 * k + 3 for k in range(3)]


def test_shares_of_text_objects_over_accounts(world):
    seen = view(world.evidence())
    assert seen.share_by_text.tolist() == [1.5, 1.5, 0, 0], "three accounts at a half each"
    assert seen.typical_texts == 4
    assert seen.share_obj[seen.texts_by_account.places(np.array([1]))].tolist() == [0, 1]


def test_a_template_is_an_object_from_its_third_account_on(worlds, world):
    evidence = world.evidence()
    third = worlds.MONDAY + 4
    assert not len(view(evidence, until=third).share_obj)
    later = view(evidence, until=third + 1)
    assert holders_of(later).tolist() == [0, 0, 1, 1, 2, 2]
    assert shares_of(later).tolist() == [0.5] * 2 + [2 / 3] * 2 + [1.0] * 2


def test_text_share_and_exchanges_with(world):
    seen = view(world.evidence())
    text = np.flatnonzero(seen.evidence.obj_kind < N_CONTENT)
    exchanges = seen.exchanges_with(text, np.arange(3))
    assert len(exchanges) == 6
    assert seen.exchanges_with(text, np.array([1])).tolist() == [
        e for e in exchanges if seen.evidence.ex_acc[e] == 1
    ]
    assert (np.diff(exchanges) > 0).all()
    who, share = seen.text_share(exchanges[seen.evidence.ex_acc[exchanges] > 0])
    assert who.tolist() == [1, 2]
    assert share.tolist() == [0.5, 0.5]


def test_before_the_first_exchange_there_is_nobody(worlds, world):
    nobody = view(world.evidence(), until=worlds.MONDAY)
    assert nobody.population == 0
    assert not len(nobody.link_acc)
    assert not nobody.seen.any()


@pytest.fixture
def busy(worlds):
    """One account with a template on each of 500 exchanges, one on half of 40, and a third that makes it an object."""
    world = worlds.World(settings=Settings(looked_at=64))
    for k in range(500):
        world.say(
            0, worlds.MONDAY + k // 8, objects=worlds.template("t"), item=f"a-{k}", marks=("fake_debug",)
        )
    for k in range(40):
        world.say(1, worlds.MONDAY + k, objects=worlds.template("t") if k % 2 else (), item=f"b-{k}")
    world.say(2, worlds.MONDAY, objects=worlds.template("t"), item="c")
    return world


def test_of_a_busy_account_a_sample_stands_for_all(worlds, busy):
    seen = view(busy.evidence())
    assert seen.totals["n"].tolist() == seen.totals["texts"].tolist() == [500, 40, 1], "counts stay whole"
    assert 20 <= seen.texts[0] <= 64
    assert seen.texts[1:].tolist() == [40, 1]
    assert (seen.texts * seen.stands_for).tolist() == [500, 40, 1]
    who, share = seen.text_share(
        seen.exchanges_with(np.flatnonzero(seen.evidence.obj_kind < N_CONTENT), np.arange(3))
    )
    assert who.tolist() == [0, 1, 2]
    assert share.tolist() == [1.0, 0.5, 1.0]


def test_a_sample_of_the_past_is_larger_by_what_it_could_look_at_then(worlds, busy):
    evidence = busy.evidence()
    early = view(evidence, worlds.MONDAY + 8)
    assert early.texts[0] == early.totals["n"][0] == 64, "all of them could be looked at"
    assert view(evidence, worlds.MONDAY + 9).texts[0] < 60
    assert evidence.ex_start[1] < 64 * (1 + np.log2(500 / 64)), (
        "what is kept for all hours grows by the logarithm"
    )


def test_halves_are_every_other_exchange_that_carries_something(worlds, world):
    seen = view(world.evidence())
    assert seen.carrying.tolist() == [2, 2, 2]
    assert seen.share_count.tolist() == [2] * 6
    assert seen.share_first.tolist() == [1] * 6


def test_weights_of_objects_on_exchanges(worlds):
    world = worlds.World()
    for number in range(3):
        world.say(number, worlds.MONDAY, objects=(("prefix", "p"), ("suffix", "s"), ("system", "c")))
        world.say(
            number, worlds.MONDAY + 1, objects=(("prefix", "p"), ("system", "c"), ("system_phrase", "d"))
        )
    seen = view(world.evidence())
    text = np.flatnonzero(seen.evidence.obj_kind < N_CONTENT)
    names = [KINDS[k] for k in seen.evidence.obj_kind[text]]
    weight = np.array(
        [{"prefix": 1.0, "suffix": 2.0, "system": 0.5, "system_phrase": 0.75}[n] for n in names]
    )
    alone = np.array([n.startswith("system") for n in names])
    everybody = np.arange(3)
    exchanges, total = seen.weighed(everybody, text, weight, alone, 0.5)
    assert (np.diff(exchanges) > 0).all()
    assert total.tolist() == [3.5, 1.75] * 3, "of the two of the system prompt the weightier counts"
    assert seen.weighed(everybody, text, weight, alone, 2.0)[1].tolist() == [3.5] * 3
    assert seen.weighed(np.array([1, 2]), text, weight, alone, 2.0)[0].tolist() == exchanges[[2, 4]].tolist()
    assert seen.drawn.accounts.tolist() == [0, 1, 2], "where there are few, all stand for everybody"
    assert seen.drawn.weighed(text, weight, alone, 2.0).tolist() == exchanges[::2].tolist()
    assert seen.exchanges_with(text, np.array([1])).tolist() == [2, 3]
    carrier, objects = seen.objects_of(np.array([3]))
    assert carrier.tolist() == [3, 3, 3]
    assert sorted(KINDS[seen.evidence.obj_kind[o]] for o in objects) == ["prefix", "system", "system_phrase"]
    own, share, holders = seen.shares_of(np.array([0, 2]))
    assert (np.diff(own) > 0).all()
    assert sorted(zip((KINDS[k] for k in seen.evidence.obj_kind[own]), share, holders, strict=True)) == [
        ("prefix", 2.0, 2), ("suffix", 1.0, 2), ("system", 2.0, 2), ("system_phrase", 1.0, 2),
    ]  # fmt: skip
    assert not len(seen.shares_of(np.zeros(0, np.int64))[0])
    everything = np.arange(6)
    assert seen.carrying_several(everything, "prefix", 1).tolist() == [0, 1, 2, 3, 4, 5]
    assert seen.carrying_several(everything[1:], "suffix", 1).tolist() == [2, 4]
    assert not len(seen.carrying_several(everything, "prefix", 2))
    nothing = view(world.evidence(), worlds.MONDAY)
    assert not len(nothing.carrying_several(everything, "prefix", 1))
    assert not len(nothing.weighed(everybody, text, weight, alone, 0.5)[0])
