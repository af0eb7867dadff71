"""The file of exemptions: what a person writes is read, and nothing without author, reason and end."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from stillwatch.detection.exemption_file import LONGEST, TEXTS, TIMES, read_exemptions
from stillwatch.records.errors import InputError

TEMPLATE = "Translate the following passage into German and keep the order of its sentences: the sea is calm."
ONE = {
    "exemption_id": "x-1",
    "organisation": "Example University",
    "template": TEMPLATE,
    "author": "anna",
    "reason": "course work",
    "starts_at": "2026-03-01",
    "expires_at": "2026-06-01T12:00:00+02:00",
}


def written(folder, *rows, name="exemptions.yaml"):
    file = folder / name
    text = "".join(json.dumps(row) + "\n" for row in rows) if name.endswith("l") and "json" in name else None
    file.write_text(text if text is not None else yaml.safe_dump(list(rows)))
    return file


@pytest.mark.parametrize("name", ["exemptions.yaml", "exemptions.jsonl"])
def test_what_a_person_writes_is_read(tmp_path, name):
    later = {**ONE, "exemption_id": "a-0", "template": f"{TEMPLATE}\nA second line."}
    first, second = read_exemptions(written(tmp_path, ONE, later, name=name))
    assert (first.exemption_id, second.exemption_id) == ("a-0", "x-1")
    assert second.organisation == "Example University"
    assert second.template == TEMPLATE
    assert second.starts_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert second.expires_at == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert second.starts_us == 1_772_323_200_000_000
    assert (second.expires_us - second.starts_us) / 1e6 == (
        second.expires_at - second.starts_at
    ).total_seconds()


def test_dates_without_quotes_and_an_empty_file(tmp_path):
    file = written(tmp_path, ONE)
    file.write_text(file.read_text().replace("'2026-03-01'", "2026-03-01 06:30:00"))
    (found,) = read_exemptions(file)
    assert found.starts_at == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    (tmp_path / "empty.yaml").write_text("")
    assert read_exemptions(tmp_path / "empty.yaml") == []


@pytest.mark.parametrize("name", [*TEXTS, *TIMES])
@pytest.mark.parametrize("value", [None, "", "  ", [], True])
def test_nothing_may_be_missing(tmp_path, name, value):
    with pytest.raises(InputError, match=f"exemption 1: {name} is (missing|no time)"):
        read_exemptions(written(tmp_path, {**ONE, name: value}))
    with pytest.raises(InputError, match=f"exemption 2: {name} is missing"):
        read_exemptions(written(tmp_path, ONE, {k: v for k, v in ONE.items() if k != name}))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"organisation": "*"}, r"organisation \* would exempt everybody"),
        ({"template": " ** "}, r"template \*\* would exempt everybody"),
        (
            {"template": "Summarise this text for me please"},
            "too short to be told from other texts; give a whole",
        ),
        ({"expires_at": "2026-03-01"}, "expires_at is not after starts_at"),
        ({"expires_at": "2027-03-02"}, "it would last 366 days; give an expires_at at most 365 days after"),
        ({"expires_at": "soon"}, "expires_at is no time .'soon'.; write it as 2026-03-01"),
        ({"auther": "x"}, "an exemption has no auther; did you mean author"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, change, says):
    with pytest.raises(InputError, match=says) as told:
        read_exemptions(written(tmp_path, {**ONE, **change}))
    assert "exemptions.yaml, exemption 1" in str(told.value)


def test_a_year_is_the_longest(tmp_path):
    ends = datetime(2026, 3, 1, tzinfo=UTC) + LONGEST
    (found,) = read_exemptions(written(tmp_path, {**ONE, "expires_at": ends.isoformat()}))
    assert found.expires_at - found.starts_at == timedelta(days=365)
    with pytest.raises(InputError, match="it would last 365 days"):
        read_exemptions(
            written(tmp_path, {**ONE, "expires_at": (ends + timedelta(microseconds=1)).isoformat()})
        )


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.yaml", "x: 1", "this is no list of exemptions; write each as - exemption_id: x-1"),
        ("a.yaml", "- x", "exemption 1: this is no exemption"),
        ("a.yaml", "- [", "a.yaml:2: not YAML|a.yaml:1: not YAML"),
        ("a.jsonl", "\n{", "a.jsonl:2: not JSON"),
        ("a.jsonl", "[1]", "a.jsonl:1: this is no exemption"),
    ],
)
def test_what_is_no_list_of_exemptions(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=says):
        read_exemptions(tmp_path / name)


def test_an_id_stands_once_and_the_file_is_there(tmp_path):
    with pytest.raises(InputError, match="exemption x-1 is there twice"):
        read_exemptions(written(tmp_path, ONE, ONE))
    for name in ("none.yaml", "none.jsonl"):
        with pytest.raises(InputError, match="cannot read the exemptions"):
            read_exemptions(tmp_path / name)
