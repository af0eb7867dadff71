"""A move to older models after blocks."""

import numpy as np

from stillwatch.detection.behaviours._blocks import blocks_begin, status_known
from stillwatch.detection.behaviours._moves import Hours, Moves, Uses, sums
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, Population, binomial_tail

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


def _hours(population: Population, uses: dict[str, Uses], old: set[str]) -> Hours:
    """Of all accounts, at every hour of the log."""
    hours = range(population.first_hour, population.last_hour + 1)
    return Hours.of(uses, old, population.view.active, hours, MOVED)


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
    age = case.population.once("ages of models", lambda: ages(case.population))
    uses = {model: view.evidence.models[model] for model in age}
    before, after = sums(list(uses.values()), case.inside, at, view.until)
    own = np.searchsorted(case.inside, case.members)
    since, used = np.array(list(age.values()), dtype=np.int64), before[:, own].sum(axis=1)
    if used.sum() < case.population.settings.min_exchanges / 2:
        return None
    order = np.argsort(since)
    limit = int(since[order][np.searchsorted(np.cumsum(used[order]), OLDEST * used.sum())])
    old = since < limit
    inside = Moves(
        before[old].sum(axis=0), before.sum(axis=0), after[old].sum(axis=0), after.sum(axis=0), MOVED
    )
    eligible = own[inside.eligible[own]]
    if len(eligible) < 4:
        return None
    hours = case.population.once(
        f"moves to models before {limit}",
        lambda: _hours(case.population, uses, {model for model, first in age.items() if first < limit}),
    )
    others, pivoted = (
        every - int(some[view.active[case.inside]].sum())
        for every, some in zip(hours.at(at), (inside.eligible, inside.moved), strict=True)
    )
    if others < 30:
        return None
    # New accounts of the group may always have been of those who like old models: as many as there were among its first.
    earlier = own[inside.before[own] >= 2]
    rate = max(
        (pivoted + 0.5) / (others + 1),
        (float(inside.already[earlier].sum()) + 0.5) / (len(earlier) + 1),
    )
    moved = inside.moved[eligible]
    share = float(moved.mean())
    p = binomial_tail(int(moved.sum()), len(eligible), rate)
    return Observation(
        statistic=share,
        p_value=p,
        statement=f"After the group's first blocks {percent(share)} of {len(eligible)} accounts put 40% or more of their"
        f" exchanges on models older than nine in ten of the group's before; over the same hours outside, or earlier in"
        f" the group, {percent(rate)} did.",
        supports=share >= 0.1 and p < 0.05,
        examples=most(case.inside[eligible], moved),
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
