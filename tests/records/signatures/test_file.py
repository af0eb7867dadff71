"""Files of signatures: what is kept, what is counted, and one line for what cannot be read."""

import base64
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.records.signatures import Signature, read_epoch_key, read_signatures
from stillwatch.records.signatures.file import LONGEST_LINE, NEVER

KEY = base64.b64encode(bytes(16)).decode()


def row(name: str = "indicator--1", **other: object) -> dict[str, object]:
    signature = str(Signature(3, "input", "16-31", bytes(64)))
    return {
        **{"id": name, "signature": signature, "key": KEY, "valid_until": None, "corroboration": "1"},
        **other,
    }


def written(folder: Path, *rows: object, name: str = "signatures.jsonl") -> str:
    path = folder / name
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in rows))
    return str(path)


def test_lines_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path, row("b", valid_until="2026-03-01T00:00:00Z", corroboration="2 or more"), "", row("a")
    )
    found = read_signatures(path)
    assert [(one.id, one.valid_until, one.several) for one in found.signatures] == [
        ("a", NEVER, False),
        ("b", 1_772_323_200_000_000, True),
    ]
    assert (found.rejected, found.repeated) == ({}, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("[]", "not an object"),
        ("x" * (LONGEST_LINE + 10), "line too long"),
        (row(""), "no id"),
        (row("a\nb"), "no id"),
        (row(signature=3), "no signature"),
        (row(signature="stillwatch-template/2"), "not a signature of a version that is known"),
        (row(key=None), "no key"),
        (row(key="AAAA"), "key is not 16 bytes in base64"),
        (row(key="é"), "key is not 16 bytes in base64"),
        (row(valid_until=5), "valid_until is not a time"),
        (row(valid_until="soon"), "valid_until is not a time"),
        (row(valid_until="2026-03-01T00:00:00"), "valid_until has no time zone"),
        (row(corroboration=2), "corroboration is neither '1' nor '2 or more'"),
    ],
)
def test_lines_that_cannot_be_used_are_counted(tmp_path: Path, line: object, reason: str) -> None:
    assert read_signatures(written(tmp_path, row("good"), line)).rejected == {reason: 1}


@given(st.binary(max_size=300))
def test_any_bytes_beside_a_good_line(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("s") / "signatures.jsonl"
    path.write_bytes(json.dumps(row()).encode() + b"\n" + noise)
    found = read_signatures(str(path))
    assert [one.id for one in found.signatures] == ["indicator--1"]
    assert sum(found.rejected.values()) <= noise.count(b"\n") + 1


def test_of_one_id_the_one_that_holds_longest_counts(tmp_path: Path) -> None:
    rows = [
        row("a", valid_until="2026-03-01T00:00:00Z", corroboration="2 or more"),
        row("a", valid_until="2026-04-01T00:00:00Z"),
        row("a", valid_until="2026-04-01T00:00:00Z", corroboration="2 or more"),
    ]
    expected = None
    for seed in range(6):
        random.Random(seed).shuffle(rows)
        found = read_signatures(written(tmp_path, *rows))
        expected = expected or found
        assert found == expected
    assert expected is not None
    assert expected.repeated == 2
    assert expected.signatures[0].several


def test_a_folder_of_files(tmp_path: Path) -> None:
    written(tmp_path, row("a"))
    written(tmp_path, row("b"), name="more.jsonl")
    assert [one.id for one in read_signatures(str(tmp_path)).signatures] == ["a", "b"]
    assert [one.id for one in read_signatures(str(tmp_path / "m*.jsonl")).signatures] == ["b"]


def test_an_empty_file_holds_none(tmp_path: Path) -> None:
    assert read_signatures(written(tmp_path)).signatures == ()


def test_what_is_no_file_of_signatures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no template signature"):
        read_signatures(written(tmp_path, {"event_id": "1"}))
    with pytest.raises(InputError, match="no such file"):
        read_signatures(str(tmp_path / "absent.jsonl"))


def test_the_key_of_an_epoch(tmp_path: Path) -> None:
    path = tmp_path / "epoch.json"
    path.write_text(json.dumps({"number": 7, "template_key": KEY, "began": "2026-01-01T00:00:00Z"}))
    assert (read_epoch_key(path).number, read_epoch_key(path).key.secret) == (7, bytes(16))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"number": true, "template_key": "AAAAAAAAAAAAAAAAAAAAAA=="}',
        '{"number": 0}',
        '{"number": 1}',
    ],
)
def test_what_is_no_key_of_an_epoch(tmp_path: Path, text: str) -> None:
    path = tmp_path / "epoch.json"
    path.write_text(text)
    with pytest.raises(InputError, match="key of"):
        read_epoch_key(path)
    with pytest.raises(InputError, match="cannot read"):
        read_epoch_key(tmp_path / "absent.json")
