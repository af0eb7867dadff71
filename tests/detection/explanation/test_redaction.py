import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillwatch.detection.explanation.redaction import LONGEST, mask, redact

# Text from the pieces that the rules look for, so that they meet in every order.
PIECES = st.one_of(
    st.sampled_from(list("\"'“”「」`@#.:/-+() \n[]_")),
    st.sampled_from(
        ["My name is ", "Ana", "a", "É", "王小明", "sk-", "Bearer ", "password=", "www.", "[number]"]
    ),
    st.sampled_from(["7", "42", "٤", "²", "Ⅳ"]),
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=40).map("".join))


@given(TEXTS)
@settings(max_examples=400)
@example('a"b"c"d')
@example("'A' 'B")
@example("12 3-4 56.7")
@example("[secret][secret]")
@example("my name is my name is A")
def test_redacting_twice_changes_nothing(text):
    once = redact(text)
    assert redact(once) == once
    assert mask(mask(text)) == mask(text)


@given(TEXTS)
@settings(max_examples=400)
def test_no_digit_of_any_script_is_left(text):
    assert not [c for c in redact(text) if unicodedata.category(c) in ("Nd", "Nl", "No")]


@given(
    st.from_regex(r"[a-z]{2,12}(\.[a-z]{2,8})?", fullmatch=True),
    st.from_regex(r"[a-z]{3,10}\.(com|org|net)", fullmatch=True),
)
@example(user="aa", domain="hfaaaaaa.com")
def test_mail_addresses_go(user, domain):
    for hide in (mask, redact):
        hidden = hide(f"please write to {user}@{domain}, then stop")
        assert f"{user}@" not in hidden
        assert domain not in hidden
        assert hidden.startswith("please write to [mail]")


@given(st.from_regex(r"\+[1-9][0-9]{1,2}[ -][0-9]{3}[ -][0-9]{3,4}[ -][0-9]{2,4}", fullmatch=True))
def test_telephone_numbers_go(number):
    assert mask(f"call {number} now") == "call [telephone] now"


@given(st.from_regex(r"(sk|ghp|xoxb)[-_][A-Za-z0-9]{16,40}", fullmatch=True))
def test_secrets_go(secret):
    assert secret not in mask(f"use {secret} here")
    assert secret[6:] not in mask(f"use {secret} here")


@pytest.mark.parametrize(
    "secret",
    [
        "gsk_abcdefghijklmnopqrst",
        "nvapi-abcdefghijklm-nopq",
        "ya29.abcdefghijklm.nopq",
        "SG.abcdefghijklmnopqrst.abcdefghijklmnopqrst",
        "GOCSPX-abcdefgh-ijklmnop",
        "hvs.abcdefghijklmnopqrstuv",
        "AccountKey=abcdefgh+/ijkl==",
        "ApiKey abcdefghijkl",
    ],
)
def test_secrets_of_the_list_shared_with_masking_go(secret):
    for hide in (mask, redact):
        hidden = hide(f"use {secret} here")
        assert not set(re.split(r"[^A-Za-z0-9]+", secret)[1:]) & set(re.split(r"[^A-Za-z0-9]+", hidden)) - {
            ""
        }
        assert "[secret]" in hidden
        assert hidden.startswith("use ")
        assert hidden.endswith(" here")


@given(st.from_regex(r"[A-Z][a-z]{3,9}( [A-Z][a-z]{3,9}){1,2}", fullmatch=True))
def test_names_inside_a_sentence_go(name):
    hidden = redact(f"please tell {name} about the plan")
    assert hidden == "please tell [name] about the plan"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("My name is alice and i need help", "My name is [name] and i need help"),
        ("我叫王小明，请翻译", "我叫[name]，请翻译"),
        ("Me llamo josé, ayuda", "[name] llamo [name], ayuda"),
        ("see https://example.org/u/7?k=v now", "see [link] now"),
        ("from 10.0.0.1 or 2001:db8::1", "from [network address] or [network address]"),
        ("at 12:30:45 sharp", "at [number] sharp"),
        ("password: hunter", "password: [secret]"),
        ('{"task": "sum", "name": "Ana"}', '{"task": "[quoted]", "name": "[quoted]"}'),
        ("Give the answer as JSON for item 3.", "Give the answer as JSON for item [number]."),
        ("ask @someone about #thing", "ask [handle] about [handle]"),
        ("order 9f8e7d6c please", "order [id] please"),
    ],
)
def test_examples(text, hidden):
    assert redact(text) == hidden


def test_an_instruction_stays_readable():
    text = "Think step by step. Show every thought before the answer, then grade it with the rubric."
    assert redact(text) == text
    assert mask("Grade the answer from 1 to 5 for John.") == "Grade the answer from 1 to 5 for John."


@pytest.mark.parametrize(
    "piece",
    ["a-", "a", '"', "'a ", "1 ", "-----BEGIN A-----", ":", "ab:", "@", "A ", "a.b@", "(1", "my name is "],
)
def test_hostile_text_is_cut_to_a_bound(piece):
    text = piece * (3 * LONGEST // len(piece))
    assert len(redact(text)) <= 10 * LONGEST


def test_no_half_address_is_left_at_the_cut():
    text = "word " * (LONGEST // 5 - 1) + "ab maria.keller@example.org"
    assert "maria" not in redact(text)
