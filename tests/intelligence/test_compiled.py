import msgspec
import pytest

from stillwatch.intelligence.compiled import UnusableError, compiled
from stillwatch.intelligence.rules import Rules

RULES = {
    "type": {"is": "x"},
    "z?": {"flag": True},
    "b-c": {"one_of": [1, 2, "three"]},
    "when?": {"time": "day"},
    "refs?": {"list": {"one_of": [{"a": "1"}, {"a": "2"}]}},
    "extensions?": {"fields": {"one": {"fields": {"n": {"matches": "[0-9]+"}}}, "two?": {"fields": {}}}},
}


def test_what_is_written_again_is_in_the_order_of_names():
    made = compiled("x", RULES)
    item = made.decode(b'{"z":true,"type":"x","b-c":2,"extensions":{"one":{"n":"7"}}}')
    assert msgspec.json.encode(item) == b'{"b-c":2,"extensions":{"one":{"n":"7"}},"type":"x","z":true}'
    assert getattr(item, made.names["z"]) is True
    assert [len(allowed) for _, allowed in made.raw] == [2]
    assert made.times == (made.names["when"],)
    assert set(made.extensions) == {"one", "two"}


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"type":"y","b-c":1}',
        b'{"type":"x","b-c":1.0}',
        b'{"type":"x","b-c":true}',
        b'{"type":"x","b-c":1,"more":1}',
        b'{"type":"x","b-c":1,"z":1}',
        b'{"type":"x","b-c":1,"when":"2026-09-01T00:00:00.000Z\\n"}',
        b'{"type":"x","b-c":1,"extensions":{"one":{"n":"7x"}}}',
        b'{"type":"x","b-c":1,"refs":[]}',
    ],
)
def test_other_values_are_not_read(raw):
    with pytest.raises(msgspec.ValidationError):
        compiled("x", RULES).decode(raw)


def test_rules_without_a_type_are_told():
    with pytest.raises(UnusableError):
        compiled("x", {"objects": {"list": "objects"}})
    with pytest.raises(UnusableError):
        compiled("x", {"a": {"is": {"b": 1}}})


def test_every_type_of_the_rules_but_bundles_has_the_quick_way():
    for kind, fields in Rules.default().types.items():
        if kind != "bundle":
            compiled(kind, fields)
