import json

from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.explanation import figures
from stillwatch.detection.explanation.embedding import chart_data, embed

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(codec=None))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


@given(JSON)
def test_embedded_json_is_ascii_that_ends_no_element_and_reads_back_the_same(data):
    text = embed(data)
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == data


def test_what_the_charts_draw(stories):
    story = stories.story(1, accounts=20)
    line, graph = figures.timeline(story), figures.graph(story)
    data = json.loads(chart_data(story, line, graph))
    assert sum(data["timeline"]["values"]) == story.campaign.exchanges
    assert data["timeline"]["detected"] == int(story.campaign.detected_at.timestamp())
    nodes = {node["id"]: node for node in data["graph"]["nodes"]}
    assert {end for link in data["graph"]["links"] for end in link} == set(nodes)
    assert {nodes[account]["shape"] for account, _ in data["graph"]["links"]} == {"account"}
    assert set(data["graph"]["shapes"]) == {node["shape"] for node in nodes.values()} - {"account"}
    assert len(data["graph"]["links"]) == len(graph.links)


def test_nothing_to_draw_is_nothing(stories):
    assert chart_data(stories.story(1), None, None) == ""
