import base64
import hashlib
import json
import re
import time
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.detection.explanation import report
from stillwatch.detection.explanation.report import OPENING, write_report
from stillwatch.detection.explanation.story import Story
from stillwatch.records.errors import InputError

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"><img src=x onerror=alert(1)>'",
    "]]></style><style>*{display:none}</style>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "\x00\x1b[31m\ud800\u202egnirts\u2028\ufeff",
    "</title><base href=//evil.example>",
)


class Page(HTMLParser):
    """What a browser would make of the page: elements, attributes, scripts and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.raw.append((tag, dict(attrs), ""))
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if self.stack and self.stack[-1] == tag:
            self.stack.pop()

    def handle_data(self, data):
        if self.stack:
            tag, attributes, text = self.raw[-1]
            self.raw[-1] = (tag, attributes, text + data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def written(tmp_path: Path, stories, examined) -> str:
    path = tmp_path / "report.html"
    write_report(path, stories, examined)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def few(stories, tmp_path_factory):
    return written(tmp_path_factory.mktemp("few"), stories.few(), stories.examined())


def test_it_opens_with_the_two_sentences(few):
    text = Page(few).text
    assert OPENING == (
        "Statistical evidence about accounts, not a finding about any person, company or country; human review "
        "and appeal are required.",
        "Calibrated on simulated exercises; recalibrate on your own reviewed cases.",
    )
    first, second, summary = (text.index(s) for s in (*OPENING, "This scan looked at"))
    assert first < second < summary


def test_it_says_what_was_found(few):
    text = Page(few).text
    for words in (
        "301,455 exchanges by 12,000 accounts",
        "Accused: extraction",
        "For review",
        "Cleared",
        "99.7%",
        "+4.53",
        "1 in 100",
        "412 accounts sent one template. Outside the group 3 accounts of 11,588 used it.",
        "p = 3.2 × 10⁻⁸¹",
        "p < 1 × 10⁻³⁰⁰",
        "Counter-evidence",
        "31 of the accounts are older than a year",
        "no p-value",
        "Rival explanations",
        "2026-09-03 09:00 UTC",
        "Agreement A-17 allows 5,000 exchanges",
        "The 200 most probable of 412 accounts; all of them are in members.parquet.",
        "time out of range",
        "accounts.verified: not true or false",
        "tls_ja4",
        "families_needed",
    ):
        assert words in text


def test_a_reason_names_what_it_is_compared_with(stories, tmp_path):
    one = stories.story(1, accounts=5)
    tested = replace(
        one.campaign.reasons[0], p_value=0.001, null="volumes are people's", examples=("a-7", "a-9")
    )
    weighed = replace(
        tested, behaviour="rival:size", p_value=None, null="one in ten shows as much", examples=()
    )
    neither = replace(weighed, behaviour="agreement", null=None)
    told = replace(one, campaign=replace(one.campaign, reasons=(tested, weighed, neither)))
    text = Page(written(tmp_path, [told], stories.examined())).text
    assert "Shown most by: a-7, a-9." in text
    assert "Null: volumes are people's." in text
    assert "Compared with: one in ten shows as much." in text
    assert text.count("Null: ") == text.count("Compared with: ") == 1


def test_accused_accounts_are_counted_once(stories, tmp_path):
    first = stories.story(1, accounts=20)
    twin = replace(first, campaign=replace(first.campaign, campaign_id="c-twin"))
    suspected = replace(first.members[0], account_id="only-suspected", role="suspected")
    page = Page(
        written(tmp_path, [first, replace(twin, members=(*twin.members, suspected))], stories.examined())
    )
    assert "accounts accused 20 groups for a person" in page.text


def test_order_of_stories_does_not_matter(stories, tmp_path):
    forward = written(tmp_path, stories.few(), stories.examined())
    assert forward == written(tmp_path, stories.few()[::-1], stories.examined())
    assert forward == written(tmp_path, stories.few(), stories.examined())


def test_numbers_and_times_of_other_libraries_and_zones_are_the_same(stories, tmp_path, monkeypatch):
    base = stories.story(1)
    plain = written(tmp_path, [base], stories.examined())
    campaign = replace(base.campaign, detected_at=base.campaign.detected_at.replace(tzinfo=None))
    arrays = replace(
        base,
        campaign=replace(campaign, probability=np.float64(campaign.probability)),
        hours=tuple(np.array(base.hours)),
        exchanges_by_hour=tuple(np.array(base.exchanges_by_hour)),
    )
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert written(tmp_path, [arrays], stories.examined()) == plain
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_examples_are_redacted_even_if_the_caller_forgot(stories, tmp_path):
    text = Page(written(tmp_path, stories.few(), stories.examined())).text
    assert "maria@example.org" not in text
    assert "Maria Keller" not in text
    assert "The option --raw-examples of stillwatch scan shows the raw text." in text
    raw = Page(written(tmp_path, stories.few(), stories.examined(raw_examples=True))).text
    assert "Maria Keller, maria@example.org" in raw
    assert "Redacted" not in raw


def test_slots_are_marked_by_more_than_colour(few):
    page = Page(few)
    assert "slot: sentence" in page.text
    slots = [a for tag, a in page.elements if a.get("class") == "slot"]
    assert len(slots) == 2 * 3  # two slots in each of three full cards
    assert re.search(r"\.slot \{[^}]*dashed", few)


def test_nothing_outside_is_named_by_any_element(few):
    for tag, attributes in Page(few).elements:
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form")
        for name, value in attributes.items():
            assert name not in ("src", "srcset", "action", "style", "background"), (tag, name)
            assert not name.startswith("on"), (tag, name)
            if name == "href":
                assert value.startswith("#")
    assert not re.search(r"url\(|@import", few)


def test_the_policy_lists_exactly_the_scripts_and_styles_that_are_there(few):
    page = Page(few)
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        found = {
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for name, attributes, text in page.raw
            if name == tag and attributes.get("type") != "application/json"
        }
        listed = re.search(rf"{tag}-src ([^;]+)", policy).group(1).split()
        assert found == set(listed)


def check_hostile(stories, tmp_path, text):
    found, examined = stories.hostile(text)
    harmless = Page(written(tmp_path, *stories.hostile("plain")))
    attacked = Page(written(tmp_path, found, examined))
    # The same elements with the same names of attributes: the text became text and nothing else.
    assert [(t, sorted(a)) for t, a in attacked.elements] == [(t, sorted(a)) for t, a in harmless.elements]
    scripts = [r for r in attacked.raw if r[1].get("type") != "application/json"]
    assert scripts == [r for r in harmless.raw if r[1].get("type") != "application/json"]
    for _, attributes, data in attacked.raw:
        if attributes.get("type") == "application/json":
            assert not set("<>&\u2028") & set(data)
            json.loads(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(stories, tmp_path, text):
    check_hostile(stories, tmp_path, text)


@given(st.text(st.characters(codec=None), min_size=1, max_size=30).filter(lambda t: t.strip()))
@settings(max_examples=15)
def test_any_text_stays_text(stories, tmp_path_factory, text):
    check_hostile(stories, tmp_path_factory.mktemp("any"), text)


def test_huge_texts_are_cut(stories, tmp_path):
    found, examined = stories.hostile("<&" * 200_000)
    page = written(tmp_path, found, examined)
    assert len(page) < 4_000_000
    assert "more characters)" in page


def test_reordering_characters_do_not_reach_the_page(stories, tmp_path):
    page = written(tmp_path, *stories.hostile("safe\u202eevil\u2066x\u200bz"))
    assert (
        not {c for c in page if unicodedata.category(c) == "Cf"}
        - {"\u200c", "\u200d"}
        - set("".join(report._asset(name) for name in report._SCRIPTS))
    )


def test_strange_numbers_are_no_error(stories, tmp_path):
    nan, inf = float("nan"), float("inf")
    base = stories.story(1, accounts=3, hours=2)
    campaign = replace(base.campaign, probability=nan, log10_bayes_factor=-inf, accounts=0, exchanges=0)
    rivals = tuple(replace(r, log10_likelihood=v) for r, v in zip(base.rivals, (nan, inf, -inf), strict=True))
    members = tuple(replace(m, probability=nan) for m in base.members)
    story = replace(base, campaign=campaign, rivals=rivals, members=members, exchanges_by_hour=(0, 0))
    assert "not known" in Page(written(tmp_path, [story], stories.examined(prior=nan))).text


def test_a_bare_story_needs_no_more_than_its_row(stories, tmp_path):
    bare = Story(replace(stories.story(1).campaign, reasons=(), detected_at=None), "Only a row.", ())
    text = Page(written(tmp_path, [bare], stories.examined(rejected={}, absent_columns={}, settings={}))).text
    assert "Only a row." in text
    assert "not dated" in text
    assert "Every row could be used." in text
    assert "All columns were present." in text


def test_nothing_found_is_said(stories, tmp_path):
    text = Page(written(tmp_path, [], stories.examined())).text
    assert "No group of accounts stood out" in text
    assert OPENING[0] in text


def test_many_groups_and_many_members_stay_small(stories, tmp_path):
    large = stories.story(0, accounts=24_000, hours=24 * 90)
    many = [stories.story(i, ("extraction", "review")[i % 2], accounts=300) for i in range(1, 500)]
    page = written(tmp_path, [large, *many], stories.examined())
    assert page.count("<article") == 500
    assert "of 24,000 accounts; all of them are in members.parquet." in page
    assert page.count("<tr>") < 60_000
    assert len(page) < 40_000_000


def test_a_folder_that_is_not_there_is_named(stories, tmp_path):
    with pytest.raises(InputError, match=r"report\.html"):
        write_report(tmp_path / "absent" / "report.html", stories.few(), stories.examined())


def test_nothing_half_written_is_left_on_failure(stories, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("before")
    broken = replace(stories.story(1), rivals=(None,))
    with pytest.raises(AttributeError):
        write_report(path, [broken], stories.examined())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_vendored_files_are_those_that_their_table_names():
    folder = resources.files("stillwatch.detection.explanation") / "vendor"
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (folder / "VENDOR.md").read_text("utf-8").splitlines()
        if line.startswith("| ") and "sha256" not in line
    ]
    assert {row[0] for row in rows} == {
        file.name for file in folder.iterdir() if file.name.endswith((".js", ".css"))
    }
    for file, _, version, licence, digest in rows:
        assert version in file
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
        assert "Permission is hereby granted" in (folder / licence.split(", ")[1]).read_text("utf-8")
