"""Random interleavings of members' posts: numbers, flags and isolation hold for any."""

from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

IDS = [f"indicator--6b1d9a1e-3f0c-4c8e-9d57-0b0d8a6c1f{number:02d}" for number in range(4)]
objects = st.tuples(st.sampled_from(IDS), st.integers(305, 310), st.booleans())
posts = st.lists(st.tuples(st.booleans(), st.lists(objects, min_size=1, max_size=4)), min_size=1, max_size=8)


class Model:
    """What the hub should hold, said plainly."""

    def __init__(self):
        self.owner, self.versions, self.order = {}, defaultdict(dict), []

    def post(self, who, stix_id, day, revoked):
        """Whether it is a success."""
        if self.owner.setdefault(stix_id, who) != who:
            return False
        held = self.versions[stix_id]
        if day in held:
            return held[day] == revoked
        if held and held[max(held)] and day > max(held):
            return False
        held[day] = revoked
        self.order.append((stix_id, day))
        return True


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(posts=posts, data=st.data())
def test_any_interleaving(hub, anna, bert, parts, posts, data):
    # A set of ids for each example: the hub is the same.
    fresh = {stix_id: parts.indicator()["id"] for stix_id in IDS}
    model, before = Model(), hub.head()
    for by_anna, items in posts:
        who = anna if by_anna else bert
        made = [
            parts.indicator(id=fresh[i], created=parts.day(100), modified=parts.day(day), revoked=revoked)
            for i, day, revoked in items
        ]
        expected = [model.post(by_anna, fresh[i], day, revoked) for i, day, revoked in items]
        status = who.post(*made)
        assert (status.success_count, status.failure_count) == (expected.count(True), expected.count(False))
    assert hub.head() == before + len(model.order)
    lines = hub.database.query(
        "SELECT seq, stix_id, version, is_first, is_last FROM objects WHERE seq > ? ORDER BY seq", (before,)
    )
    assert [line[0] for line in lines] == list(range(before + 1, hub.head() + 1))
    assert [line[1] for line in lines] == [stix_id for stix_id, _ in model.order]
    for stix_id, held in model.versions.items():
        own = sorted((line for line in lines if line[1] == stix_id), key=lambda line: line[2])
        assert len(own) == len(held)
        if own:
            assert [line[3] for line in own] == [1] + [0] * (len(own) - 1)
            assert [line[4] for line in own] == [0] * (len(own) - 1) + [1]


def test_the_same_id_in_two_collections_has_one_owner(hub, anna, bert, parts):
    other = hub.add_collection("Other")
    item = parts.indicator()
    raw = parts.canonical(item)
    assert anna.post(item).success_count == 1
    assert hub.submit(bert.member, other, [raw], None, 1).failure_count == 1
    assert hub.submit(anna.member, other, [raw], None, 1).success_count == 1
    assert [event.seq for event in hub.events(bert.member, 0, 9).events] == [1, 2]
    assert hub.verify() is None
