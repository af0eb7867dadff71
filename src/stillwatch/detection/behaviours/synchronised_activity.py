"""Accounts that are active in the same blocks of hours."""

import numpy as np

from stillwatch.detection.behaviours._matched import matched
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most
from stillwatch.detection.case import Case, draw_tail
from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.orders import strata

SAMPLE = 300
"""Accounts looked at: mean pairwise correlation of 300 is known to a thousandth."""
DRAWS = 40
OWN_RHYTHM = 4.0
"""Exchanges after which an account's own daily rhythm outweighs the group's."""


def correlation(counts: Floats) -> float:
    """Mean pairwise correlation of residual activity.

    counts: accounts x blocks of three hours, eight to the day. From each account's counts its own daily rhythm
    (shrunk to the set's), the same on every day, is taken out.
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
    residual = counts - np.tile(rhythm, (1, days)) * (total / days)
    norm = np.sqrt((residual**2).sum(axis=1, keepdims=True))
    unit = residual / np.where(norm > 0, norm, 1)
    together = float((unit.sum(axis=0) ** 2).sum())
    return float((together - n) / (n * (n - 1)))


def _matrix(case: Case, row: Ints, hour: Ints, count: Floats, rows: int) -> Floats:
    """Rows x blocks of three hours, whole days from the set's own first hour on: exchanges.

    The set's own clock: a group that is moved to another time zone looks the same.
    """
    blocks = 8 * case.days
    block = (hour - hour.min()) // 3
    counts = np.bincount(row * blocks + block, weights=count, minlength=rows * blocks)
    return np.asarray(counts.reshape(rows, blocks), dtype=np.float64)


def _of_accounts(case: Case, accounts: Ints) -> Floats:
    """All exchanges of these accounts (repeats allowed)."""
    ragged, ledger = case.view.hours_by_account, case.view.ledger
    rows = np.repeat(np.arange(len(accounts)), ragged.start[accounts + 1] - ragged.start[accounts])
    places = ragged.places(accounts)
    return _matrix(case, rows, ledger["hour"][places], ledger["n"][places].astype(float), len(accounts))


def _of_campaign(case: Case, members: Ints) -> Floats:
    """The campaign's own exchanges of these members (rising codes)."""
    if not case.textual:
        return _of_accounts(case, members)
    evidence = case.view.evidence
    own = case.own[np.isin(evidence.ex_acc[case.own], members)]
    rows = np.searchsorted(members, evidence.ex_acc[own])
    return _matrix(case, rows, evidence.ex_hour[own], np.ones(len(own)), len(members))


def examine(case: Case) -> Observation | None:
    """Mean pairwise correlation of the campaign's exchanges against sets of outside accounts of the same volumes."""
    totals = case.view.totals["n"]
    volumes = case.exchanges_by_member
    enough = volumes >= 2
    members, volumes = case.members[enough], volumes[enough]
    pool = case.pool("two exchanges, by volume", lambda: strata(totals), lambda: totals >= 2)
    if len(members) < 4 or len(pool) < 30 or case.days < 2:
        return None
    rng = case.generator(2)
    if len(members) > SAMPLE:
        chosen = np.sort(rng.choice(len(members), SAMPLE, replace=False))
        members, volumes = members[chosen], volumes[chosen]
    observed = correlation(_of_campaign(case, members))
    reference = matched(pool, volumes)
    drawn = reference.widened(
        np.array([correlation(_of_accounts(case, chosen)) for chosen in reference.draws(DRAWS, rng)])
    )
    p = draw_tail(observed, drawn)
    return Observation(
        statistic=observed,
        p_value=p,
        statement=f"Beyond daily rhythms, the accounts' activity in blocks of three hours correlates by {observed:.3f} on"
        f" average; sets of outside accounts of the same volumes reach {drawn.mean():.3f} (largest {drawn.max():.3f}).",
        supports=observed > 0.01 and p < 0.05,
        examples=most(members, volumes),
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
