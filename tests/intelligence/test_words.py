import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stillwatch.intelligence import words
from stillwatch.intelligence.words import FORBIDDEN, folded, forbidden_word, skeleton


@pytest.mark.parametrize("word", sorted(FORBIDDEN))
def test_every_word_is_found_by_itself_and_among_others(word):
    assert forbidden_word(word)
    assert forbidden_word(f"a-{word.upper()}.example")


@pytest.mark.parametrize(
    "text", ["pr1ce", "r0admap", "CAPACITY", "pricelist", "ourroadmap", "ｒｏａｄｍａｐ", "cápacity"]
)
def test_other_spellings_are_found(text):
    assert forbidden_word(text)


SIGNS = {
    "a": ("4", "а", "α", "á"),
    "b": ("8",),
    "c": ("с", "ç"),
    "d": ("cl", "ԁ"),
    "e": ("3", "е", "é"),
    "g": ("9", "6", "q"),
    "i": ("1", "l", "і", "í"),
    "l": ("1", "i", "ӏ"),
    "m": ("rn", "м"),
    "o": ("0", "о", "ο"),
    "p": ("р", "ρ"),
    "s": ("5", "ѕ"),
    "t": ("7", "т"),
    "w": ("vv", "ԝ"),
    "x": ("х",),
    "z": ("2", "s"),
}


@given(st.sampled_from(sorted(FORBIDDEN)), st.data())
@settings(max_examples=400)
def test_no_spelling_with_look_alikes_hides_a_word(word, data):
    drawn = [data.draw(st.sampled_from((letter, *SIGNS.get(letter, ())))) for letter in word]
    said = data.draw(st.sampled_from(("", "-"))).join(drawn)
    assert forbidden_word(said)
    if not said.isascii() and "-" not in said:
        assert forbidden_word(f"xn--{said.encode('punycode').decode()}.example")


@given(st.sampled_from([word for word in sorted(FORBIDDEN) if len(word) >= 6]), st.data())
def test_dots_hide_no_long_word(word, data):
    assume(word not in words._WHOLE)
    at = data.draw(st.integers(1, len(word) - 1))
    assert forbidden_word(f"www.{word[:at]}.{word[at:]}.example")


@pytest.mark.parametrize(
    "text",
    [
        "proxy.example.net",
        "coffee.example",
        "vpn-12.example",
        "login",
        "v1",
        "salesforce.com",
        "aggregate.example",
        "p.rice.edu",
        "contractor.net",
        "nonprofit.org",
        "live-streaming.sports.example",
        "vps123456.ovh.net",
        "ec2-203-0-113-25.compute-1.amazonaws.com",
        "static.88-198-1-2.clients.your-server.de",
        "d111111abcdef8.cloudfront.net",
        "bedrock-runtime.us-east-1.amazonaws.com",
        "openrouter.ai",
        "xn--bcher-kva.example",
    ],
)
def test_harmless_names_pass(text):
    assert forbidden_word(text) is None


def test_a_member_s_own_words_are_found_anywhere():
    assert forbidden_word("eu-globex01.example", ["Globex"])
    assert forbidden_word("gl0bex.example", ["Globex"])
    assert forbidden_word("example.net", ["Globex", ""]) is None


def test_folding():
    assert folded("Ｐrícé") == "price"


@given(st.integers(0, 10**6))
def test_a_number_is_no_word(number):
    assert forbidden_word(f"vps-{number}.example.net") is None
    assert forbidden_word(f"{number}.example.net:{number}") is None


@pytest.mark.parametrize("text", ["5000gpus", "199usd", "usd199.example", "paid500k", "two-million.example"])
def test_digits_part_words(text):
    assert forbidden_word(text)


def test_words_look_like_no_other_but_their_own_spellings():
    """Or the reason that is given would name the wrong one."""
    alike = {skeleton(word) for word in FORBIDDEN}
    assert len(alike) == len(FORBIDDEN) - 1  # utilisation and utilization
