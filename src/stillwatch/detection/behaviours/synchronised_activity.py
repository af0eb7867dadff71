"""Accounts that are active in the same blocks of hours."""

import numpy as np
from numba import njit

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


@njit(nogil=True, cache=True)
def _correlation(counts):  # type: ignore[no-untyped-def]
    blocks = counts.shape[1]
    days = blocks // 8
    kept = np.empty(len(counts), np.int64)
    slots, total = np.zeros((len(counts), 8)), np.zeros(len(counts))
    common = np.zeros(8)
    n = 0
    for row in range(len(counts)):
        whole = counts[row].sum()
        if whole < 2:
            continue
        for b in range(blocks):
            slots[n, b % 8] += counts[row, b]
        common += slots[n]
        kept[n], total[n] = row, whole
        n += 1
    if n < 4:
        return 0.0
    common /= common.sum()
    left, together = np.empty(blocks), np.zeros(blocks)
    for k in range(n):
        usual = (slots[k] + OWN_RHYTHM * common) / (total[k] + OWN_RHYTHM) * (total[k] / days)
        square = 0.0
        for b in range(blocks):
            left[b] = counts[kept[k], b] - usual[b % 8]
            square += left[b] * left[b]
        norm = np.sqrt(square) if square > 0 else 1.0
        for b in range(blocks):
            together[b] += left[b] / norm
    return ((together * together).sum() - n) / (n * (n - 1))


@njit(nogil=True, cache=True)
def _each(start, hour, n, sets, blocks, found):  # type: ignore[no-untyped-def]
    """Fill in the correlation of each row of accounts in `sets`; account a has rows start[a] to start[a + 1] of a ledger."""
    counts = np.zeros((sets.shape[1], blocks))
    for s in range(len(sets)):
        counts[:] = 0.0
        first = hour[start[sets[s, 0]]]
        for a in sets[s]:
            first = min(first, hour[start[a]])
        for k in range(sets.shape[1]):
            for i in range(start[sets[s, k]], start[sets[s, k] + 1]):
                counts[k, (hour[i] - first) // 3] += n[i]
        found[s] = _correlation(counts)


def correlation(counts: Floats) -> float:
    """Mean pairwise correlation of residual activity.

    counts: accounts x blocks of three hours, eight to the day. From each account's counts its own daily rhythm
    (shrunk to the set's), the same on every day, is taken out.
    """
    return float(_correlation(counts))


def _of_sets(case: Case, sets: Ints) -> Floats:
    """The correlation of all exchanges of each row of accounts (repeats allowed), each with some exchange in the ledger.

    In blocks of three hours, whole days from the set's own first hour on: a group that is moved to another time zone looks
    the same.
    """
    ledger, found = case.view.ledger, np.empty(len(sets))
    _each(case.view.hours_by_account.start, ledger["hour"], ledger["n"], sets, 8 * case.days, found)
    return found


def _of_campaign(case: Case, members: Ints) -> float:
    """The same of the campaign's own exchanges of these members (rising codes)."""
    if not case.textual:
        return float(_of_sets(case, members[None, :])[0])
    evidence = case.view.evidence
    own = case.own[np.isin(evidence.ex_acc[case.own], members)]
    row, hour = np.searchsorted(members, evidence.ex_acc[own]), evidence.ex_hour[own]
    blocks = 8 * case.days
    counts = np.bincount(row * blocks + (hour - hour.min()) // 3, minlength=len(members) * blocks)
    return correlation(counts.reshape(len(members), blocks).astype(np.float64))


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
    observed = _of_campaign(case, members)
    reference = matched(pool, volumes)
    drawn = reference.widened(np.concatenate([_of_sets(case, sets) for sets in reference.draws(DRAWS, rng)]))
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
