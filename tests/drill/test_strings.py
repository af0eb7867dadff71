"""Columns of text: digests, addresses, frames."""

import ipaddress

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.drill.randomness import key, mix
from stillwatch.drill.strings import Frames, addresses, column, hex_digests, scatter, take

WHOLE = st.integers(0, 2**64 - 1)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=30))
def test_small_codes_are_ipv4(codes: list[int]) -> None:
    found = addresses(np.array(codes, np.uint64)).to_pylist()
    assert found == [str(ipaddress.IPv4Address(c)) for c in codes]


@given(st.lists(WHOLE, min_size=1, max_size=30))
def test_all_codes_are_addresses(codes: list[int]) -> None:
    for code, text in zip(codes, addresses(np.array(codes, np.uint64)).to_pylist(), strict=True):
        assert ipaddress.ip_address(text).version == (4 if code < 2**32 else 6)


@given(st.lists(WHOLE, min_size=1, max_size=30), st.sampled_from([8, 16, 20, 24, 32]))
def test_digests_are_hexadecimal_and_follow_the_number(numbers: list[int], digits: int) -> None:
    found = hex_digests(np.array(numbers, np.uint64), key(1, "test"), digits).to_pylist()
    assert all(len(x) == digits and int(x, 16) >= 0 for x in found)
    again = hex_digests(np.array(numbers[:1], np.uint64), key(1, "test"), digits).to_pylist()
    assert again == found[:1]


def test_digests_of_neighbours_share_nothing() -> None:
    found = hex_digests(np.arange(5000), key(1, "test")).to_pylist()
    assert len(set(found)) == 5000
    assert len({x[:8] for x in found}) > 4990


def test_mix_is_the_published_function() -> None:
    # The first output of splitmix64 with state 0 (Steele, Lea, Flood 2014; reference implementation by Vigna).
    assert int(mix(np.array([0]))[0]) == 0xE220A8397B1DCDAF


def test_frames_fill_each_row_with_its_own_words() -> None:
    frames = Frames.compile(["{a} and {b}.", "only words", "{b}{a}"])
    slots = {"a": column(["1", "2", "3", "4"]), "b": column(["x", "y", "z", "w"])}
    found = frames.render(np.array([2, 0, 1, 0]), slots).to_pylist()
    assert found == ["x1", "2 and y.", "only words", "4 and w."]


def test_scatter_puts_rows_back() -> None:
    parts = [(np.array([2, 0]), column(["c", "a"])), (np.array([1]), column(["b"]))]
    assert scatter(parts, 3).to_pylist() == ["a", "b", "c"]
    assert take(column(["a"]), np.array([0, -1])).to_pylist() == ["a", None]
