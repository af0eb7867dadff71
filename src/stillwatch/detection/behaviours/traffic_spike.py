"""Slow start, short spike."""

import numpy as np

from stillwatch.detection.behaviours._matched import matched
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, draw_tail
from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.orders import strata

WINDOW = 48
"""Hours. One campaign in public sent its requests in two days, after weeks of few."""
SAMPLE = 300
"""Accounts looked at: of the total of 300 a window's share is known to some hundredths."""
DRAWS = 40
HEAVY = 3.0
"""An account counts for at most so many times the median of the group: one account's busy days are no group's spike."""


def densest_share(by_hour: Floats, window: int) -> Floats:
    """For each row: the largest share of its total that falls into so many hours in a row."""
    run = np.cumsum(np.pad(by_hour, ((0, 0), (1, 0))), axis=1)
    return np.asarray((run[:, window:] - run[:, :-window]).max(axis=1) / run[:, -1])


def _by_hour(case: Case, sets: Ints, weights: Floats) -> Floats:
    """For each row of accounts in `sets` their exchanges by hour, where each account has its weight in all."""
    view, accounts = case.view, sets.ravel()
    ragged, hours = view.hours_by_account, view.ledger["hour"]
    rows = ragged.start[accounts + 1] - ragged.start[accounts]
    weight = np.repeat(np.tile(weights, len(sets)) / view.totals["n"][accounts], rows)
    place = ragged.places(accounts)
    first = case.population.first_hour
    width = case.population.last_hour - first + 1
    cell = np.repeat(np.arange(sets.size) // sets.shape[1], rows) * width + hours[place] - first
    counts = np.bincount(cell, weights=view.ledger["n"][place] * weight, minlength=len(sets) * width)
    return np.asarray(counts.reshape(len(sets), width))


def examine(case: Case) -> Observation | None:
    """The fullest 48 hours of the group's traffic, against sets of outside accounts of the same volumes."""
    view, members = case.view, case.members
    volumes = view.totals["n"]
    pool = case.pool("by volume", lambda: strata(volumes), lambda: view.active)
    if len(members) < 4 or len(pool) < 30:
        return None
    if 24 * case.days <= 2 * WINDOW:
        return None
    rng = case.generator(5)
    if len(members) > SAMPLE:
        members = np.sort(rng.choice(members, SAMPLE, replace=False))
    weights = np.minimum(volumes[members], HEAVY * np.median(volumes[members]))
    observed = float(densest_share(_by_hour(case, members[None, :], weights), WINDOW)[0])
    reference = matched(pool, volumes[members])
    drawn = reference.widened(
        np.concatenate(
            [densest_share(_by_hour(case, sets, weights), WINDOW) for sets in reference.draws(DRAWS, rng)]
        )
    )
    p = draw_tail(observed, drawn)
    return Observation(
        statistic=observed,
        p_value=p,
        statement=f"{percent(observed)} of the group's exchanges fall within the same {WINDOW} hours; in sets of outside"
        f" accounts of the same volumes {percent(float(drawn.mean()))} do (most {percent(float(drawn.max()))})."
        " Events of a weekend do so, too.",
        supports=observed >= 0.5 and p < 0.05,
        examples=most(members, volumes[members]),
    )


BEHAVIOUR = Behaviour(
    name="traffic_spike",
    title="Slow start, short spike",
    family=TIMING,
    field_numbers=(14,),
    statistic="largest share of the group's exchanges within 48 hours, anywhere in the log; an account counts for at most"
    " three times the median",
    null="sets of accounts outside the group, matched on volume",
    atlas="AML.T0024.002",
    reference="Naus 1965 (scan statistic); OpenAI, 30 Sep 2026 (two days, after weeks at low volume)",
    examine=examine,
)
