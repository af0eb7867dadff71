"""The manifest comes back as it was, and nothing else is taken for one."""

import hashlib
import json
from pathlib import Path

import pytest

from stillwatch.detection.state.manifest import (
    FORMAT,
    File,
    GivenTable,
    Manifest,
    Seen,
    Segment,
    Tally,
    seal,
    unseal,
)
from stillwatch.records.errors import InputError

WHERE = Path("state/manifest.json")


@pytest.fixture
def manifest():
    part, text, table = (File(name, 3, "00" * 32) for name in ("g1/e", "g1/t", "g1/a"))
    return Manifest(
        "key",
        "intake",
        "",
        segments=[Segment([part], [text], {20500: 2, 20501: 1}, 5, 9)],
        tallies={"": Tally(read=4, days={20500: 3}, dropped=[("turn", "no number", 2)])},
        tables={"accounts": GivenTable(table, {"missing account_id": 1}, [], [])},
        watched={"a.jsonl": Seen(3, 4, 5)},
    )


def test_comes_back_as_it_was(manifest):
    again = unseal(seal(manifest), WHERE)
    assert again == manifest
    assert again.segments[0].rows == 3
    assert [file.name for file in again.files] == ["g1/e", "g1/t", "g1/a"]


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-9], lambda raw: raw.replace(b"20501", b"20502"), lambda _: b""]
)
def test_damage_is_seen(manifest, damage):
    with pytest.raises(InputError, match="manifest of this state is damaged"):
        unseal(damage(seal(manifest)), WHERE)


def test_another_format_is_named(manifest):
    body = json.loads(seal(manifest))["manifest"] | {"format": FORMAT + 1}
    raw = json.dumps(body).encode()
    sealed = b'{"sha256":"%s","manifest":%s}' % (hashlib.sha256(raw).hexdigest().encode(), raw)
    with pytest.raises(InputError, match=f"has format {FORMAT + 1}, and this program reads format {FORMAT}"):
        unseal(sealed, WHERE)
