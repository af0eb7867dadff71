"""A move to older models after blocks."""

import numpy as np

from stillwatch.detection.behaviours._blocks import blocks_begin, status_known
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, Population, binomial_tail
from stillwatch.detection.evidence import Floats, Ints

BLOCKED = 2
"""The blocks begin with the second account: one is easily a mistake."""
OLDEST = 0.1
"""Older is a model that is older than nine in ten of the group's exchanges before."""
MOVED = 0.4
"""An account has moved from this share of its exchanges on: the share by which moves to new models are told."""


def ages(population: Population) -> dict[str, int]:
    """Hour from which each model could be used, as far as known: its release, else its first use in the log.

    Models in use on the log's first day are older than the log, and nobody knows by how much. Where no release of a
    model in the log is known they count as of one age; else they are left out.
    """
    view, released = population.view, population.releases
    begin = int(view.ledger["hour"].min())
    used = {model: int(hour.min()) for model, (_, hour, _) in view.evidence.models.items()}
    used = {model: first for model, first in used.items() if first < view.until}
    listed = any(model in released for model in used)
    found = {}
    for model, first in used.items():
        if model in released:
            found[model] = released[model]
        elif first >= begin + 24:
            found[model] = first
        elif not listed:
            found[model] = begin
    return found


def _by_hour(population: Population, model: str) -> tuple[Ints, Ints, Ints]:
    """(account, hour, exchanges) of a model's uses, in order of hours."""

    def ordered() -> tuple[Ints, Ints, Ints]:
        acc, hour, n = population.view.evidence.models[model]
        order = np.argsort(hour, kind="stable")
        order = order[: np.searchsorted(hour[order], population.view.until)]
        return acc[order], hour[order], n[order]

    return population.once(f"uses of {model}", ordered)


def _uses(case: Case, age: dict[str, int], at: int) -> dict[bool, list[tuple[int, Floats]]]:
    """(age, exchanges by account) for each model of known age: those before hour `at` (False), and after it (True)."""
    view = case.view
    uses: dict[bool, list[tuple[int, Floats]]] = {False: [], True: []}
    for model, since in age.items():
        acc, hour, n = _by_hour(case.population, model)
        before, after = (int(np.searchsorted(hour, at, side)) for side in ("left", "right"))
        for later, chosen in ((False, slice(before)), (True, slice(after, None))):
            by_account = np.bincount(acc[chosen], weights=n[chosen], minlength=len(view.active))
            uses[later].append((since, by_account.astype(np.float64)))
    return uses


def _older(uses: list[tuple[int, Floats]], limit: int) -> tuple[Floats, Floats]:
    """(exchanges on models from before `limit`, all exchanges), by account."""
    total = sum(n for _, n in uses)
    return sum((n for since, n in uses if since < limit), start=np.zeros_like(total)), np.asarray(total)


def examine(case: Case) -> Observation | None:
    """Accounts on models older than the group's own before its first blocks, against accounts outside, same hours.

    The comparison is with what the group used, not the account: most accounts that go on after blocks are new ones.
    Who used such old models before has not moved to them, and is left out, inside and outside.
    """
    view, known = case.view, status_known(case)
    members = case.members[known[case.members]]
    at = blocks_begin(view, members, BLOCKED) if 2 * len(members) >= len(case.members) else None
    if at is None:
        return None
    uses = _uses(case, ages(case.population), at)
    since = np.array([age for age, _ in uses[False]], dtype=np.int64)
    used = np.array([n[case.members].sum() for _, n in uses[False]])
    if used.sum() < case.population.settings.min_exchanges / 2:
        return None
    order = np.argsort(since)
    limit = int(since[order][np.searchsorted(np.cumsum(used[order]), OLDEST * used.sum())])
    old_before, before = _older(uses[False], limit)
    old_after, after = _older(uses[True], limit)
    already = (before > 0) & (old_before >= MOVED * before)
    eligible = (after >= 2) & ~already
    moved = eligible & (old_after >= MOVED * after)
    own, others = case.members[eligible[case.members]], case.outside[eligible[case.outside]]
    if len(own) < 4 or len(others) < 30:
        return None
    # New accounts of the group may always have been of those who like old models: as many as there were among its first.
    earlier = case.members[before[case.members] >= 2]
    rate = max(
        (float(moved[others].sum()) + 0.5) / (len(others) + 1),
        (float(already[earlier].sum()) + 0.5) / (len(earlier) + 1),
    )
    share = float(moved[own].mean())
    p = binomial_tail(int(moved[own].sum()), len(own), rate)
    return Observation(
        statistic=share,
        p_value=p,
        statement=f"After the group's first blocks {percent(share)} of {len(own)} accounts put 40% or more of their"
        f" exchanges on models older than nine in ten of the group's before; over the same hours outside, or earlier in"
        f" the group, {percent(rate)} did.",
        supports=share >= 0.1 and p < 0.05,
        examples=most(own, moved[own]),
    )


BEHAVIOUR = Behaviour(
    name="older_model",
    title="Move to older models after blocks",
    family=TIMING,
    field_numbers=(9,),
    statistic="share of accounts that, after the second of the group's accounts was blocked, put 40% or more of their"
    " exchanges on models older than nine in ten of the group's exchanges before (by release, else by first use)",
    null="accounts do so as often as accounts outside over the same hours, or as the group's own before, whichever is more"
    " (binomial; who used such models before is left out)",
    atlas="AML.T0024.002",
    reference="Anthropic, 10 Sep 2026 (moves to older, less guarded models)",
    examine=examine,
)
