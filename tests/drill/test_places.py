"""Networks: disjoint blocks, shared where life shares."""

import numpy as np

from stillwatch.drill.places import CODES, OFFSETS, Places, languages_of
from stillwatch.records.schema import NETWORKS


def test_blocks_of_networks_do_not_overlap() -> None:
    places = Places.make(4)
    order = np.argsort(places.base)
    ends = (places.base + places.size)[order]
    assert (ends[:-1] <= places.base[order][1:]).all()
    assert len(np.unique(places.asn)) == len(places.asn)


def test_equal_keys_give_equal_addresses_of_the_network() -> None:
    places = Places.make(4)
    pool = np.repeat(np.arange(len(places.asn)), 20)
    keys = np.tile(np.arange(1, 21), len(places.asn)).astype(np.uint64)
    codes = places.codes(pool, keys)
    assert (codes == places.codes(pool, keys)).all()
    four = codes < 1 << 32
    assert (codes[four] >= places.base[pool][four]).all()
    assert (codes[four] < (places.base + places.size)[pool][four]).all()
    kinds = np.array(NETWORKS)[places.network[pool[~four]]]
    assert set(kinds) == {"residential", "mobile"}, "only homes and telephones speak IPv6 here"


def test_networks_are_drawn_in_the_country() -> None:
    places, rng = Places.make(4), np.random.default_rng(1)
    countries = rng.integers(0, len(CODES), 500)
    for kind in ("residential", "mobile", "business", "education"):
        drawn = places.draw(rng, kind, countries)
        assert (places.country[drawn] == countries).all()
        assert set(np.array(NETWORKS)[places.network[drawn]]) == {kind}


def test_people_speak_a_language_of_their_country() -> None:
    rng = np.random.default_rng(1)
    brazil = np.full(400, CODES.index("BR"))
    spoken = languages_of(rng, brazil, ("en", "pt", "ja"))
    assert (spoken == 1).mean() > 0.85
    assert not (spoken == 2).any()
    assert (languages_of(rng, np.full(5, CODES.index("PE")), ("en", "ja")) == 0).all()
    assert OFFSETS[CODES.index("IN")] == 5.5
