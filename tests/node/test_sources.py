"""Scores of blinded sources: what one member makes of how their objects turned out."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.node.node import Node
from stillwatch.node.sources import STRONGEST, UNSIGNED, WEAKEST, Prior, mean_of, pooled
from stillwatch.records.errors import InputError

COUNTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)),
    max_size=20,
)


@given(COUNTS)
def test_the_prior_is_bounded(counts):
    prior = pooled(counts)
    assert prior.right > 0
    assert prior.wrong > 0
    assert WEAKEST - 1e-9 <= prior.right + prior.wrong <= STRONGEST + 1e-9


@given(COUNTS, st.randoms())
def test_the_prior_does_not_depend_on_order_or_on_silent_sources(counts, draw):
    items = list(counts.items())
    draw.shuffle(items)
    expected = pooled(counts)
    for other in (dict(items), counts | {"silent": (0, 0)}):
        found = pooled(other)
        assert (found.right, found.wrong) == pytest.approx((expected.right, expected.wrong))


@given(COUNTS, st.integers(0, 1000), st.integers(0, 1000))
def test_a_right_object_raises_a_score_and_a_wrong_one_lowers_it(counts, right, wrong):
    prior = pooled(counts)
    here = mean_of(prior, right, wrong)
    assert 0 < here < 1
    assert mean_of(prior, right + 1, wrong) > here > mean_of(prior, right, wrong + 1)


@given(COUNTS)
def test_a_mirrored_forum_has_the_mirrored_prior(counts):
    prior, mirrored = pooled(counts), pooled({name: (w, r) for name, (r, w) in counts.items()})
    assert (mirrored.right, mirrored.wrong) == pytest.approx((prior.wrong, prior.right))


def test_nothing_known_is_uniform():
    assert pooled({}) == Prior(1.0, 1.0)


def test_sources_that_are_alike_bind_a_new_one_and_sources_that_differ_do_not():
    alike = pooled({str(n): (9, 1) for n in range(20)})
    apart = pooled({str(n): (10, 0) if n % 2 else (0, 10) for n in range(20)})
    assert (alike.right + alike.wrong, apart.right + apart.wrong) == (STRONGEST, WEAKEST)
    # One wrong object of a new source: hardly anything among alike ones, much among those that differ.
    assert mean_of(alike, 0, 0) - mean_of(alike, 0, 1) < 0.05
    assert mean_of(apart, 0, 0) - mean_of(apart, 0, 1) > 0.1


def test_one_source_does_not_set_what_is_thought_of_all():
    good = {str(n): (10, 0) for n in range(3)}
    before, after = pooled(good), pooled(good | {"liar": (0, 1000)})
    # As one of four: a new source is thought a little worse of, and the good ones hardly.
    assert mean_of(before, 0, 0) > 0.9
    assert mean_of(after, 0, 0) > 0.6
    assert mean_of(after, 10, 0) > 0.9
    assert mean_of(after, 0, 1000) < 0.01


def test_the_weight_is_that_of_the_sources_spread():
    """Shares drawn from Beta(6, 2) give a weight near 8, as the moments' estimate should."""
    import numpy as np

    draw = np.random.default_rng(52)
    weights = []
    for _ in range(20):
        shares = draw.beta(6, 2, 200)
        right = draw.binomial(40, shares)
        prior = pooled({str(n): (int(r), 40 - int(r)) for n, r in enumerate(right)})
        weights.append(prior.right + prior.wrong)
        assert prior.right / (prior.right + prior.wrong) == pytest.approx(0.75, abs=0.04)
    assert np.median(weights) == pytest.approx(8, rel=0.15)


@pytest.fixture
def heard(joined, indicator):
    """A node, with what two others said: three objects by one, one by the other."""
    one, other, reader = (joined() for _ in range(3))
    said = [indicator() for _ in range(4)]
    assert not one.say(said[:3]).problem
    assert not other.say(said[3:]).problem
    own = indicator()
    assert not reader.say([own]).problem
    reader.sync()
    ids = [item["id"] for item in said]
    return reader, ids, own["id"], (one.renew()[1].id, other.renew()[1].id)


def test_outcomes_are_their_source_s(heard):
    node, ids, _, (one, other) = heard
    assert node.sources.record(ids[0], right=True) == one
    assert node.sources.record(ids[1], right=True) == one
    assert node.sources.record(ids[3], right=False) == other
    assert node.sources.counts() == {one: (2, 0), other: (0, 1)}
    by = {score.source: score for score in node.sources.all()}
    # The identity of a pseudonym is an object of its own.
    assert (by[one].objects, by[other].objects) == (4, 2)
    assert by[one].mean > by[other].mean
    for score in by.values():
        assert 0 <= score.low < score.mean < score.high <= 1
    means, others = node.sources.means()
    assert means == {one: by[one].mean, other: by[other].mean}
    assert by[other].mean < others < by[one].mean


def test_the_last_word_on_an_object_counts_once(heard):
    node, ids, _, (one, _) = heard
    for right in (True, True, False):
        node.sources.record(ids[0], right=right)
    assert node.sources.counts() == {one: (0, 1)}
    assert node.sources.wrong_ids() == {ids[0]}
    node.sources.record(ids[0], right=True)
    assert node.sources.wrong_ids() == set()


def test_only_what_others_said_turns_out_in_some_way(heard):
    node, _, own, _ = heard
    for name in (own, f"indicator--{uuid.uuid4()}"):
        with pytest.raises(InputError, match="received from others"):
            node.sources.record(name, right=True)


def test_what_nobody_signed_is_nobody_s(heard):
    node, ids, _, _ = heard
    node.store.run("UPDATE received SET pseudonym = NULL WHERE stix_id = ?", (ids[0],))
    assert node.sources.record(ids[0], right=False) == UNSIGNED
    assert {score.source for score in node.sources.all()} >= {UNSIGNED}


def test_an_opinion_against_an_object_counts_against_its_source(heard):
    node, ids, own, (one, _) = heard
    node.false_positive(ids[0])
    node.false_positive(own)
    node.false_positive(f"indicator--{uuid.uuid4()}")
    assert node.sources.counts() == {one: (0, 1)}


def test_scores_leave_the_node_in_nothing_that_it_sends(heard, wire, indicator):
    node, ids, _, _ = heard
    sent = []

    def listen(method, path, body):
        sent.append((path, body))
        return body

    wire.ask = listen
    node.client.close()
    config = (node.folder.path / "node.json").read_text().replace(node.client.url, wire.url)
    (node.folder.path / "node.json").write_text(config)
    with Node(node.folder.path) as again:
        before = len(sent)
        again.sources.record(ids[0], right=False)
        again.sources.all()
        assert len(sent) == before
        again.sync()
        assert not again.say([indicator()]).problem
    assert len(sent) > before
    for path, body in sent:
        assert ids[0].encode() not in body
        assert ids[0] not in path
