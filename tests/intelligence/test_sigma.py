import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.intelligence.sigma import MOST_BYTES, fault_of
from stillwatch.intelligence.vocabulary import INDICATOR_NAMES

RULE = {
    "title": INDICATOR_NAMES[2],
    "id": "8b1d6f70-3c2e-4e9b-a5d4-0c7f2e914b63",
    "status": "experimental",
    "level": "medium",
    "logsource": {"product": "stillwatch", "service": "usage"},
    "detection": {
        "selection": {"surface": "api", "max_tokens|gte": 1000, "logprobs": True, "plan": ["free", "paid"]},
        "filter": {"client_network": "education"},
        "condition": "selection and not filter",
    },
}


def written(**changes):
    return yaml.safe_dump(RULE | changes, sort_keys=False)


def detection(**changes):
    return written(detection=RULE["detection"] | changes)


def test_a_rule_on_columns_may_leave():
    assert fault_of(written()) is None
    assert fault_of(detection(condition="1 of selection* and not filter")) is None
    assert fault_of(detection(selection={"tls_ja4": "t13d1516h2_8daaf6152771_b186095e22b6"})) is None
    assert fault_of(written().replace("1000", "1")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: b",
        "[1, 2]",
        written(title="ACME harvests us"),
        written(description="price 4"),
        written(author="Ann"),
        written(id="acme"),
        written(level="roadmap"),
        written(logsource={"product": "acme"}),
        written(detection={"condition": "selection"}),
        detection(condition="selection and acme"),
        detection(condition="selection3"),
        detection(customers={"surface": "api"}),
        detection(selection={"organisation": "ACME"}),
        detection(selection={"client_country": "XX"}),
        detection(selection={"input_text": "a prompt"}),
        detection(selection={"max_tokens": 1234}),
        detection(selection={"max_tokens|re": 1000}),
        detection(selection={"max_tokens": True}),
        detection(selection={"max_tokens": 1000.0}),
        detection(selection={"surface|contains": "api"}),
        detection(selection={"surface": "price"}),
        detection(selection={"tls_ja4": "acme"}),
        detection(selection={"tls_ja4": "t13d1516h2_7072696365e4_203136206469"}).replace("e4", "20"),
        written(id="70726963-6520-4163-ad65-2031342c3030"),
        written().replace("1000", "0001"),
        written().replace("1000", "0b1"),
        detection(selection={}),
        written() + "# customer ACME\n",
        written() + "title: again\n",
        written() + "---\na: b\n",
        written().replace("api", "&a api"),
        written().replace("surface: api", "surface: !!str api"),
        written() + " " * MOST_BYTES,
        "a: &a [x]\nb: *a",
        "[" * 200,
        "a: '\\",
    ],
)
def test_everything_else_may_not(text):
    assert fault_of(text)


@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text):
    assert fault_of(text)
    fault_of(written() + text)


@given(st.text(min_size=1, max_size=20))
def test_no_text_gets_into_a_value(text):
    assert fault_of(detection(selection={"surface": text})) or text in ("api", "app", "cloud")
