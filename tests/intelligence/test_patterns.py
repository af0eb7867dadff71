import pytest
from hypothesis import given
from hypothesis import strategies as st
from stix2patterns.validator import run_validator

from stillwatch.intelligence.patterns import MOST_BYTES, fault_of

GOOD = [
    "[ipv4-addr:value = '198.51.100.7']",
    "[ipv4-addr:value='198.51.100.0/24']",
    "[ ipv4-addr:value IN ('198.51.100.7', '198.51.100.8') ]",
    "[ipv6-addr:value = '2001:db8::1' OR ipv6-addr:value = '2001:db8::/48']",
    "[domain-name:value = 'proxy.example.net']",
    "[url:value = 'https://proxy.example.net/v1']",
    "[file:hashes.'SHA-256' = '" + "ab" * 32 + "']",
    "[file:hashes.MD5 = '" + "AB" * 16 + "']",
    "[x509-certificate:hashes.'SHA-1' = '" + "0" * 40 + "']",
    "[autonomous-system:number = 64500 AND domain-name:value = 'a.example']",
]
BAD = [
    "",
    "[]",
    "ipv4-addr:value = '198.51.100.7'",
    "[ipv4-addr:value = '198.51.100.7'] AND [ipv4-addr:value = '198.51.100.8']",
    "[ipv4-addr:value = '198.51.100.007']",
    "[ipv4-addr:value = '198.51.100.7/24']",
    "[ipv4-addr:value = '198.51.100.7 is a customer']",
    "[ipv6-addr:value = '2001:DB8::1']",
    "[ipv4-addr:value LIKE '198.%']",
    "[ipv4-addr:value = 198]",
    "[user-account:user_id = 'bob']",
    "[email-message:subject = 'price list']",
    "[domain-name:value = 'pricing.example']",
    "[domain-name:value = 'r0admap.example']",
    "[domain-name:value = 'Acme Corp']",
    "[domain-name:value = 'acme']",
    "[url:value = 'https://example.net/a/b/c/d']",
    "[url:value = 'https://example.net/?q=prompt']",
    "[url:value = 'https://example.net/roadmap']",
    "[file:hashes.MD5 = 'price']",
    "[autonomous-system:number = '64500']",
    "[ipv4-addr:value = '198.51.100.7' /* price 4 */]",
    "[ipv4-addr:value = '198.51.100.7'\n]",
    "[ipv4-addr:value = '198.51.100.7' OR ]",
    "[ipv4-addr:value = '１98.51.100.7']",
    "[" + " OR ".join(["ipv4-addr:value = '198.51.100.7'"] * 65) + "]",
    "[ipv4-addr:value = '198.51.100.7'" + " " * MOST_BYTES + "]",
]


@pytest.mark.parametrize("pattern", GOOD)
def test_patterns_of_infrastructure_may_leave(pattern):
    assert fault_of(pattern) is None
    # They are STIX, by the judgement of OASIS's own parser.
    assert run_validator(pattern, stix_version="2.1") == []


@pytest.mark.parametrize("pattern", BAD)
def test_everything_else_may_not(pattern):
    assert fault_of(pattern)


@given(st.text(max_size=80))
def test_any_text_gets_an_answer(text):
    assert fault_of(text)
    assert fault_of(f"[{text}]")
    assert fault_of(f"[domain-name:value = '{text}']") or text.isascii()


def test_words_of_the_member_are_screened():
    assert fault_of("[domain-name:value = 'api.globex.example']", ["Globex Inc"]) is None
    assert fault_of("[domain-name:value = 'api.globex.example']", ["Globex"])
