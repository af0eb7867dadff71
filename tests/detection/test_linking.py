"""Edges of infrastructure: which things may link, and what an edge weighs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.evidence import KINDS, N_CONTENT
from stillwatch.detection.linking import (
    EDGES_PER_ACCOUNT,
    KIND_WEIGHT,
    infrastructure_edges,
    linking_objects,
)
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view


def said(worlds, holders, strangers=0, texts=3):
    """Accounts that hold things; account -> {column or (kind, name): value}, and strangers with texts of their own."""
    world = worlds.World()
    for number in range(strangers):
        for k in range(texts):
            world.say(10_000 + number, worlds.MONDAY, item=f"stranger-{number}-{k}")
    for number, things in holders.items():
        world.account(number, **{c: v for c, v in things.items() if c.endswith(("_fingerprint", "_address"))})
        for k in range(texts):
            world.say(
                number,
                worlds.MONDAY,
                item=f"own-{number}-{k}",
                objects=things.get("objects", ()),
                **{
                    c: v for c, v in things.items() if c in ("address", "fingerprint", "client", "credential")
                },
            )
    return world


def edges_of(world, settings=None):
    """(account id, kind of object) -> weight."""
    settings = settings or Settings()
    seen = view(world.evidence())
    edges = infrastructure_edges(seen, linking_objects(seen, settings))
    ids = seen.evidence.accounts.ids
    return {
        (ids[a], KINDS[seen.evidence.obj_kind[o]], int(o)): w
        for a, o, w in zip(edges.acc.tolist(), edges.obj.tolist(), edges.weight.tolist(), strict=True)
    }


def test_every_kind_of_infrastructure_has_a_weight_but_what_strangers_share():
    assert set(KINDS[N_CONTENT:]) - set(KIND_WEIGHT) == {"fingerprint", "client"}
    assert set(KIND_WEIGHT) <= set(KINDS[N_CONTENT:]), "texts form groups by their likeness"


@pytest.mark.parametrize("column", ["payment_fingerprint", "phone_fingerprint", "email_fingerprint"])
def test_a_card_links_its_holders_in_a_star(worlds, column):
    world = said(worlds, {n: {column: "one"} for n in range(5)}, strangers=95)
    edges = edges_of(world)
    assert len(edges) == 5, "one edge for each holder, none for a pair"
    assert len({obj for _, _, obj in edges}) == 1
    # Twice kind times rarity: five of a hundred hold it.
    kind = next(k for _, k, _ in edges)
    assert list(edges.values()) == pytest.approx([2 * KIND_WEIGHT[kind] * np.log10(100 / 5)] * 5)


def test_rarer_things_weigh_more(worlds):
    rare = edges_of(said(worlds, {n: {"payment_fingerprint": "x"} for n in range(2)}, strangers=98))
    common = edges_of(said(worlds, {n: {"payment_fingerprint": "x"} for n in range(40)}, strangers=60))
    assert min(rare.values()) > max(common.values())


def test_a_card_that_everybody_holds_still_weighs_something(worlds):
    everybody = edges_of(said(worlds, {n: {"payment_fingerprint": "x"} for n in range(40)}))
    assert list(everybody.values()) == pytest.approx([2 * 0.1 * KIND_WEIGHT["payment"]] * 40)


@pytest.mark.parametrize(("holders", "linked"), [(50, True), (51, False)])
@pytest.mark.parametrize("column", ["address", "signup_address"])
def test_popular_addresses_link_nobody(worlds, column, holders, linked):
    world = said(worlds, {n: {column: "carrier"} for n in range(holders)}, strangers=100, texts=1)
    assert bool(edges_of(world)) is linked


def test_popular_cards_link_all_the_same(worlds):
    world = said(worlds, {n: {"payment_fingerprint": "corporate"} for n in range(60)}, strangers=100, texts=1)
    assert len(edges_of(world)) == 60


@pytest.mark.parametrize("column", ["fingerprint", "client"])
def test_clients_form_no_groups(worlds, column):
    assert not edges_of(said(worlds, {n: {column: "rare"} for n in range(4)}, strangers=50))


def test_linking_objects_need_enough_accounts(worlds):
    world = said(worlds, {n: {"objects": worlds.template("t")} for n in range(3)})
    seen = view(world.evidence())
    assert linking_objects(seen, Settings()).tolist() == [True, True]
    assert linking_objects(seen, Settings(content_accounts=4)).tolist() == [False, False]


def test_texts_make_no_edges(worlds):
    assert not edges_of(said(worlds, {n: {"objects": worlds.template("t")} for n in range(4)}, strangers=50))


def test_an_account_keeps_its_heaviest_edges(worlds):
    holders = {n: {"payment_fingerprint": "card"} for n in range(2)}
    world = said(worlds, {**holders, 2: {}, 3: {}}, strangers=50)
    for k in range(EDGES_PER_ACCOUNT + 20):
        for n in range(2 if k % 2 else 4):
            world.say(n, worlds.MONDAY, text=False, credential=f"key-{k}")
    # Rarer ones weigh more: the card and keys of two, before the keys of four.
    kept = [w for (who, _, _), w in edges_of(world).items() if who == worlds.name_of(0)]
    weight = 2 * KIND_WEIGHT["payment"] * np.log10(54 / 2), 2 * KIND_WEIGHT["credential"] * np.log10(54 / 4)
    rare = 1 + (EDGES_PER_ACCOUNT + 20) // 2
    assert KIND_WEIGHT["payment"] == KIND_WEIGHT["credential"]
    assert sorted(kept, reverse=True) == pytest.approx(
        [weight[0]] * rare + [weight[1]] * (EDGES_PER_ACCOUNT - rare)
    )


@given(st.integers(0, 10_000))
def test_edges_of_any_world(worlds, seed):
    rng = np.random.default_rng(seed)
    world = worlds.World()
    for number in range(12):
        world.account(number, payment_fingerprint=f"card-{rng.integers(6)}")
        for _ in range(int(rng.integers(1, 6))):
            world.say(
                number,
                worlds.MONDAY,
                objects=(("prefix", f"t{rng.integers(3)}"),) if rng.random() < 0.5 else (),
                item=f"i{rng.integers(20)}",
                address=f"a{rng.integers(5)}",
            )
    edges, mixed = edges_of(world), edges_of(world.shuffled(rng))
    assert edges == mixed
    assert all(w > 0 for w in edges.values())
    assert all(kind in KIND_WEIGHT for _, kind, _ in edges)
    holders = np.unique([obj for *_, obj in edges], return_counts=True)[1]
    assert (holders > 1).all()
