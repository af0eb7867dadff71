import pytest

from stillwatch.intelligence.words import FORBIDDEN, folded, forbidden_word


@pytest.mark.parametrize("word", sorted(FORBIDDEN))
def test_every_word_is_found_by_itself_and_among_others(word):
    assert forbidden_word(word)
    assert forbidden_word(f"a-{word.upper()}.example")


@pytest.mark.parametrize(
    "text", ["pr1ce", "r0admap", "CAPACITY", "pricelist", "ourroadmap", "ｒｏａｄｍａｐ", "cápacity"]
)
def test_other_spellings_are_found(text):
    assert forbidden_word(text)


@pytest.mark.parametrize("text", ["proxy.example.net", "coffee.example", "vpn-12.example", "login", "v1"])
def test_harmless_names_pass(text):
    assert forbidden_word(text) is None


def test_a_member_s_own_words_are_found_anywhere():
    assert forbidden_word("eu-globex01.example", ["Globex"])
    assert forbidden_word("gl0bex.example", ["Globex"])
    assert forbidden_word("example.net", ["Globex", ""]) is None


def test_folding():
    assert folded("Ｐrícé") == "price"
