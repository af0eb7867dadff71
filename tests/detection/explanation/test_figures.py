import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.explanation import figures
from stillwatch.detection.explanation.narrate import THING_WORDS
from stillwatch.detection.explanation.story import SharedThing


def parsed(svg):
    return ElementTree.fromstring(str(svg))


@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=3000),
    st.integers(0, 4_000_000_000),
)
def test_a_timeline_keeps_the_sum_and_is_bounded(stories, values, first):
    base = stories.story(1, accounts=1, hours=1)
    hours = tuple(first + 3600 * i for i in range(len(values)))
    line = figures.timeline(replace(base, hours=hours, exchanges_by_hour=tuple(values)))
    assert sum(line.values) == sum(values)
    assert len(line.values) <= figures.MOST_BARS
    assert line.starts[0] == first
    assert {b - a for a, b in zip(line.starts, line.starts[1:], strict=False)} <= {3600 * line.width_hours}
    assert f"{max(line.values):,} exchange" in line.peak


def test_no_hours_no_timeline(stories):
    assert figures.timeline(replace(stories.story(1), hours=(), exchanges_by_hour=())) is None


def test_the_timeline_drawing_says_its_numbers_and_marks_detection(stories):
    story = stories.story(1)
    line = figures.timeline(story)
    svg = figures.timeline_svg(line, story.campaign.detected_at)
    assert "first detectable" in svg
    assert line.peak in parsed(svg).get("aria-label")
    assert "first detectable" not in figures.timeline_svg(line, datetime(1999, 1, 1, tzinfo=UTC))
    path = next(e for e in parsed(svg).iter() if e.get("class") == "bars").get("d")
    assert path.count("M") == sum(v > 0 for v in line.values)


@pytest.mark.parametrize("probability", [0.0, 1.0, math.nan, 0.5, 1e-300])
def test_odds_are_drawn_inside_the_picture(probability):
    root = parsed(figures.odds_svg(0.01, probability))
    dot = next(e for e in root.iter() if e.get("class") == "dot")
    assert 0 <= float(dot.get("cx")) <= float(root.get("width"))


def test_odds_move_to_the_right_with_evidence():
    def dot(probability):
        root = parsed(figures.odds_svg(0.01, probability))
        return float(next(e for e in root.iter() if e.get("class") == "dot").get("cx"))

    places = [dot(p) for p in (0.001, 0.01, 0.5, 0.99, 0.9999)]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 8)), max_size=900),
    st.randoms(use_true_random=False),
)
def test_a_graph_is_a_bounded_sample_that_leaves_out_no_thing(stories, pairs, random):
    things = tuple(SharedThing(f"t{i}", "mail", f"l{i}", 1, 0) for i in range(8))  # t8 is not described
    links = [(f"a{a}", f"t{t}") for a, t in pairs]
    story = replace(stories.story(1, accounts=1, hours=1), things=things, links=tuple(links))
    graph = figures.graph(story)
    known = {link for link in links if link[1] != "t8"}
    if not known:
        assert graph is None
        return
    assert set(graph.links) <= known
    assert graph.of_links == len(known)
    assert len(graph.links) <= figures.MOST_LINKS
    assert len(graph.accounts) <= figures.MOST_ACCOUNTS
    assert {t.thing_id for t in graph.things} == {t for _, t in known}
    random.shuffle(links)
    assert figures.graph(replace(story, links=tuple(links))) == graph


def test_the_static_graph_has_a_line_for_each_link_shown(stories):
    graph = figures.graph(stories.story(1, accounts=12, hours=1))
    lines = [e for e in parsed(figures.graph_svg(graph)).iter() if e.get("class") == "link"]
    assert len(lines) == len(graph.links)


def test_every_kind_has_a_shape_of_its_own():
    assert set(THING_WORDS.values()) | {"template"} <= set(figures.SHAPES)
    assert len(set(figures.SHAPES.values())) == len(figures.SHAPES)
    assert figures.shape_of("something new") == "other"
    drawings = {re.sub(r"\s+", " ", figures.legend_icon(kind)) for kind in (*figures.SHAPES, "account")}
    assert len(drawings) == len(figures.SHAPES) + 1
    for points in figures.SHAPES.values():
        assert all(-1 <= x <= 1 and -1 <= y <= 1 for x, y in points)


def test_hostile_labels_are_escaped(stories):
    hostile = "</svg><script>alert(1)</script>\x00\u202e"
    things = (SharedThing("t", hostile, hostile, 1, 0),)
    graph = figures.graph(replace(stories.story(1), things=things, links=((hostile, "t"),)))
    svg = figures.graph_svg(graph)
    assert "<script" not in svg
    parsed(svg)
