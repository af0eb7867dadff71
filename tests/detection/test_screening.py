"""Screening lists: what is a lead and what is not, lists that cannot be used, and that nothing else depends on them."""

import json
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.screening import LEAST, MOST, Listed, Screening, leads, normal, read_screening_list
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.schema import ACCOUNTS

TODAY = date(2026, 3, 1)
HEAD = "name,alt_names,source,entity_number,end_date,addresses,citizenships\n"


def accounts(*declared):
    rows = [
        {"account_id": f"a{i}", "organisation": name, "verified": checked}
        for i, (name, checked) in enumerate(declared)
    ]
    return pa.Table.from_pylist(rows, schema=ACCOUNTS.schema)


def entry(name, *others, number="7"):
    return Listed(name, others, "List of Tests", number)


@pytest.mark.parametrize(
    ("declared", "listed"),
    [
        ("Nordwind Maritime Ltd.", "NORDWIND MARITIME LIMITED"),
        ("Maritime Nordwind", "Nordwind Maritime Co., Ltd."),
        ("Nördwind Maritime", "Nordwind Maritime"),
        ("Nordwnd Maritime", "Nordwind Maritime"),
        ("北风海运有限公司", "北风海运有限公司"),
        ("The Group", "the group"),
        ("ABC", "abc ltd"),
    ],
)
def test_names_that_resemble_are_leads(declared, listed):
    (lead,) = leads(accounts((declared, True), (declared, None)), [entry(listed)])
    assert (lead.organisation, lead.listed_name, lead.matched_name) == (declared, listed, listed)
    assert (lead.accounts, lead.verified_accounts) == (2, 1)
    assert LEAST <= lead.score <= 100
    assert (lead.source, lead.entity_number) == ("List of Tests", "7")


@pytest.mark.parametrize(
    ("declared", "listed"),
    [
        ("Nordwind Maritime", "Nordwind Bakery"),
        ("Acme Ltd", "Zenith Ltd"),
        ("ABD", "ABC"),
        ("Maritime", "Nordwind Maritime"),
        ("Ltd", "Limited"),
    ],
)
def test_a_word_in_common_is_no_lead(declared, listed):
    assert leads(accounts((declared, True)), [entry(listed)]) == []


def test_the_best_of_an_entrys_names_is_told_and_few_of_an_organisation():
    many = [entry(f"Nordwind Maritime {k}", number=str(k)) for k in range(9)]
    one = entry("Something Else", "Nordwind Maritime", number="x")
    found = leads(accounts(("Nordwind Maritime", True)), [*many, one])
    assert len(found) == MOST
    assert (found[0].listed_name, found[0].matched_name, found[0].score) == (
        "Something Else",
        "Nordwind Maritime",
        100.0,
    )
    assert leads(accounts((None, True), ("", None)), many) == []
    assert leads(accounts(("Nordwind Maritime", True)), []) == []


@given(st.text(max_size=30))
def test_a_name_is_like_itself_and_normal_once(name):
    assert normal(normal(name)) == normal(name)
    if normal(name):
        (lead,) = leads(accounts((name, None)), [entry(name)])
        assert lead.score == 100


def write(path, rows):
    path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_list_is_read_from_csv_and_json_and_what_is_over_is_counted(tmp_path):
    rows = [
        'Nordwind Maritime,"Nordwind; Boreas Shipping",EL,12,,"Somewhere, XX",XX',
        "Past Trading,,EL,13,2026-02-28,,",
        "Still Trading,,EL,14,2026-03-01,,",
    ]
    rejects = RejectLog()
    read = read_screening_list(write(tmp_path / "list.csv", rows), rejects, TODAY)
    assert read.ended == 1
    assert read.entries == (
        Listed("Nordwind Maritime", ("Nordwind", "Boreas Shipping"), "EL", "12"),
        Listed("Still Trading", (), "EL", "14"),
    )
    told = {
        "results": [
            {
                "name": "Nordwind Maritime",
                "alt_names": ["Nordwind", "Boreas Shipping"],
                "source": "EL",
                "entity_number": 12,
            },
            {"name": "Past Trading", "source": "EL", "entity_number": "13", "end_date": "2026-02-28"},
            {
                "name": "Still Trading",
                "source": "EL",
                "entity_number": "14",
                "end_date": None,
                "addresses": [],
            },
        ]
    }
    (tmp_path / "list.json").write_text(json.dumps(told))
    assert read_screening_list(tmp_path / "list.json", rejects, TODAY) == read
    assert not rejects.counts


def test_a_line_separator_inside_a_name_ends_no_row(tmp_path):
    read = read_screening_list(write(tmp_path / "list.csv", ["Nord\u2028wind,,EL,1,,,"]), RejectLog(), TODAY)
    assert [e.name for e in read.entries] == ["Nord wind"]


def test_rows_that_cannot_be_used_are_kept_aside(tmp_path):
    rows = [",alias,EL,1,,,", "Nordwind,,EL,2,soon,,", "Good Name,,EL,3,,,"]
    with RejectLog(tmp_path / "rejected") as rejects:
        read = read_screening_list(write(tmp_path / "list.csv", rows), rejects, TODAY)
    assert [e.name for e in read.entries] == ["Good Name"]
    assert rejects.by_reason("screening_list") == {"end_date not readable": 1, "missing name": 1}
    kept = (tmp_path / "rejected" / "screening_list.jsonl").read_text().splitlines()
    assert [json.loads(line)["content"]["entity_number"] for line in kept] == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("title,source\nx,y\n", "no column `name` (columns are: title, source); call the column"),
        ('{"rows": []}', "no list of entries; give a list"),
        ("{not json", "cannot read the screening list"),
        (None, "cannot read the screening list"),
    ],
)
def test_what_is_no_list_says_so(tmp_path, content, says):
    path = tmp_path / "list"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match="list") as caught:
        read_screening_list(path, RejectLog(), TODAY)
    assert str(caught.value).startswith(f"{path}: {says}")


def test_without_accounts_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(InputError, match="give --accounts"):
        Screening.of(write(tmp_path / "list.csv", []), None, None, RejectLog(), 1)
