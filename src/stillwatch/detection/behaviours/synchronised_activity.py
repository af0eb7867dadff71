"""Accounts that are active in the same blocks of hours."""

import numpy as np

from stillwatch.detection.behaviours._matched import matched
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation
from stillwatch.detection.case import Case, draw_tail
from stillwatch.detection.evidence import Floats, Ints

SAMPLE = 300
"""Accounts looked at: mean pairwise correlation of 300 is known to a thousandth."""
DRAWS = 40
OWN_RHYTHM = 4.0
"""Exchanges after which an account's own daily rhythm outweighs the group's."""


def correlation(counts: Floats, day_share: Floats) -> float:
    """Mean pairwise correlation of residual activity.

    counts: accounts x blocks of three hours, eight to the day. From each account's counts its own daily rhythm
    (shrunk to the set's), spread over days as the population's activity is, is taken out.
    """
    counts = counts[counts.sum(axis=1) >= 2]
    n, blocks = counts.shape
    if n < 4:
        return 0.0
    days = blocks // 8
    by_slot = counts.reshape(n, days, 8).sum(axis=1)
    total = by_slot.sum(axis=1, keepdims=True)
    common = by_slot.sum(axis=0) / by_slot.sum()
    rhythm = (by_slot + OWN_RHYTHM * common) / (total + OWN_RHYTHM)
    expected = (rhythm[:, None, :] * day_share[None, :, None]).reshape(n, blocks) * total
    residual = counts - expected
    norm = np.sqrt((residual**2).sum(axis=1, keepdims=True))
    unit = residual / np.where(norm > 0, norm, 1)
    together = float((unit.sum(axis=0) ** 2).sum())
    return float((together - n) / (n * (n - 1)))


def _matrix(case: Case, accounts: Ints) -> Floats:
    """Accounts (repeats allowed) x blocks of three hours, whole days: exchanges."""
    view, blocks = case.view, case.population.blocks
    ragged = view.hours_by_account
    rows = np.repeat(np.arange(len(accounts)), ragged.start[accounts + 1] - ragged.start[accounts])
    places = ragged.places(accounts)
    cell = rows * blocks + case.population.block[places]
    counts = np.bincount(cell, weights=view.ledger["n"][places], minlength=len(accounts) * blocks)
    return np.asarray(counts.reshape(len(accounts), blocks))


def examine(case: Case) -> Observation | None:
    """Mean pairwise correlation against sets of outside accounts matched on volume."""
    blocks = case.population.blocks
    totals = case.view.totals["n"]
    members = case.members[totals[case.members] >= 2]
    pool = case.outside[totals[case.outside] >= 2]
    if len(members) < 4 or len(pool) < 30 or blocks < 16:
        return None
    rng = case.generator(2)
    if len(members) > SAMPLE:
        members = np.sort(rng.choice(members, SAMPLE, replace=False))
    inside = case.view.hours_by_account.places(case.group.accounts)
    own = np.bincount(
        case.population.block[inside] // 8, weights=case.view.ledger["n"][inside], minlength=blocks // 8
    )
    day = case.population.exchanges_by_day - own + 1.0
    day_share = day / day.sum()
    observed = correlation(_matrix(case, members), day_share)
    order, low, high = matched(totals, members, pool)
    drawn = np.array(
        [correlation(_matrix(case, order[rng.integers(low, high)]), day_share) for _ in range(DRAWS)]
    )
    p = draw_tail(observed, drawn)
    return Observation(
        statistic=observed,
        p_value=p,
        statement=f"Beyond daily rhythms, the accounts' activity in blocks of three hours correlates by {observed:.3f} on"
        f" average; sets of outside accounts of the same volumes reach {drawn.mean():.3f} (largest {drawn.max():.3f}).",
        supports=observed > 0.02 and p < 0.05,
    )


BEHAVIOUR = Behaviour(
    name="synchronised_activity",
    title="Active together",
    family=TIMING,
    field_numbers=(7, 14),
    statistic="mean pairwise correlation of residual activity in blocks of three hours",
    null="sets of accounts outside the group matched on volume",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (synchronised traffic); Cao et al. 2014 (SynchroTrap)",
    examine=examine,
)
