"""Strategies for groups whose every text is hostile and whose every count is known."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st

from stillwatch.intelligence.vocabulary import BEHAVIOURS
from stillwatch.records.findings import (
    DATA_STATES,
    FAMILIES,
    KINDS_OF_USE,
    ROLES,
    VERDICTS,
    Campaign,
    Member,
    Reason,
)

TIMES = st.datetimes(datetime(2023, 1, 1), datetime(2035, 12, 31)).map(lambda t: t.replace(tzinfo=UTC))
TEXTS = st.text(min_size=1, max_size=20)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def campaigns(draw, texts=TEXTS):
    """A list of campaigns and their members."""
    found, members = [], []
    for number in range(draw(st.integers(0, 4))):
        name = draw(texts) + str(number)
        reason = st.builds(
            Reason,
            behaviour=st.one_of(st.sampled_from(BEHAVIOURS), texts),
            family=st.one_of(st.sampled_from(FAMILIES), texts),
            statement=texts,
            statistic=st.one_of(st.none(), FLOATS),
            p_value=st.one_of(st.none(), FLOATS, st.floats(0, 1)),
            supports=st.booleans(),
        )
        first = draw(TIMES)
        found.append(
            Campaign(
                campaign_id=name,
                verdict=draw(st.sampled_from(VERDICTS)),
                kind_of_use=draw(st.sampled_from(KINDS_OF_USE)),
                data_state=draw(st.sampled_from(DATA_STATES)),
                probability=draw(st.floats(0, 1)),
                log10_bayes_factor=draw(st.floats(-300, 300)),
                accounts=draw(st.integers(1, 10**6)),
                exchanges=draw(st.integers(1, 10**9)),
                first_time=first,
                last_time=first + timedelta(seconds=draw(st.integers(0, 10**7))),
                detected_at=draw(st.one_of(st.none(), TIMES)),
                reasons=tuple(draw(st.lists(reason, max_size=6))),
            )
        )
        members += [
            Member(name, draw(texts), draw(st.sampled_from(ROLES)), 0.5, draw(st.integers(1, 10**6)))
            for _ in range(draw(st.integers(0, 5)))
        ]
    return found, members


@pytest.fixture(scope="session")
def made():
    """The strategies, for tests that are in no package and cannot import this file."""
    return SimpleNamespace(campaigns=campaigns, texts=TEXTS)
