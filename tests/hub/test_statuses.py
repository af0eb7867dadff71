import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub.errors import Refused
from stillwatch.hub.model import Outcome
from stillwatch.hub.statuses import decode_rest, encode_rest

outcomes = st.lists(st.builds(Outcome, st.text(), st.integers(0, 2**60), st.none() | st.text()))


@given(outcomes, outcomes)
def test_outcomes_survive_being_stored(failures, others):
    assert decode_rest(encode_rest(failures, others)) == (failures, others)


def test_status_is_for_who_posted(hub, anna, bert, parts):
    item = parts.indicator()
    anna.post(item)
    made = anna.post(parts.indicator(), item, parts.indicator(description="x"))
    assert hub.status(anna.member, made.id) == made
    assert (made.status, made.pending_count, made.pendings) == ("complete", 0, [])
    for member, status_id in ((bert.member, made.id), (anna.member, "nothing")):
        with pytest.raises(Refused) as refused:
            hub.status(member, status_id)
        assert refused.value.status == 404


def test_a_status_names_what_was_erased_since(hub, anna, parts):
    item = parts.indicator()
    made = anna.post(item, parts.indicator())
    hub.delete(anna.member, anna.collection, item["id"], parts.Query())
    assert hub.status(anna.member, made.id) == made
