"""The test behind every behaviour that is an object held in common."""

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stillwatch.detection.behaviours.base import Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail
from stillwatch.detection.evidence import KINDS, Ints


def _shared(case: Case, kind: str, accounts: Ints) -> tuple[Ints, Ints]:
    """(account code, object code) for what two or more of these accounts hold of this kind."""
    view = case.view
    links = view.links_by_account.places(accounts)
    obj = view.link_obj[links]
    keep = case.population.linking[obj] & (view.evidence.obj_kind[obj] == KINDS.index(kind))
    if not keep.any():
        return view.link_acc[:0], obj[:0]
    _, inverse, held = np.unique(obj[keep], return_inverse=True, return_counts=True)
    several = (held >= 2)[inverse]
    return view.link_acc[links[keep]][several], obj[keep][several]


def sharing_accounts(case: Case, kind: str, accounts: Ints) -> tuple[int, int]:
    """How many of these accounts hold an object of this kind with another of them; and how many objects those are."""
    acc, obj = _shared(case, kind, accounts)
    return len(np.unique(acc)), len(np.unique(obj))


def _sharing_most(case: Case, kind: str) -> tuple[int, ...]:
    """Members of the group that hold an object of this kind with most others."""
    acc, obj = _shared(case, kind, case.members)
    _, inverse, held = np.unique(obj, return_inverse=True, return_counts=True)
    who, at = np.unique(acc, return_inverse=True)
    most_held = np.zeros(len(who), dtype=np.int64)
    np.maximum.at(most_held, at, held[inverse])
    return most(who, most_held)


def sharing_tail(case: Case, kind: str, accounts: Ints, rate: float) -> float:
    """P-value of so much sharing among these accounts where each pair of them shares with probability `rate`.

    Sharers come in twos at least, so they are no independent draws: one pair that shares is one event. Accounts
    are therefore counted as they would come in one by one: the first holder of a thing finds nobody who has it,
    each other sharer does, with a probability that grows by the accounts that came before it. Binomial with the
    mean of these probabilities (its upper tail bounds that of unequal draws: Hoeffding 1956).
    """
    if len(accounts) < 2:
        return 1.0
    acc, obj = _shared(case, kind, accounts)
    if not len(acc):
        return 1.0
    people, a = np.unique(acc, return_inverse=True)
    objects, o = np.unique(obj, return_inverse=True)
    size = len(people) + len(objects)
    graph = coo_matrix((np.ones(len(a), dtype=np.int8), (a, o + len(people))), shape=(size, size))
    parts = connected_components(graph, directed=False)[0]
    met = 1 - (1 - rate) ** np.arange(1, len(accounts))
    return binomial_tail(len(people) - parts, len(accounts) - 1, float(met.mean()))


def pair_rate(case: Case, kind: str) -> float:
    """Probability that two accounts outside the group share an object of this kind."""
    view = case.view
    obj = view.link_obj[view.links_by_account.places(case.group.accounts)]
    obj = obj[case.population.linking[obj] & (view.evidence.obj_kind[obj] == KINDS.index(kind))]
    objects, inside = np.unique(obj, return_counts=True)
    every = view.popularity[objects].astype(np.float64)
    beyond = every - inside
    gone = float((every * (every - 1) / 2 - beyond * (beyond - 1) / 2).sum())
    n = case.others
    return (max(case.population.pairs_by_kind[kind] - gone, 0.0) + 0.5) / max(n * (n - 1) / 2, 1.0)


def sharing_test(kinds: dict[str, str]) -> Callable[[Case], Observation | None]:
    """A test over kinds (kind -> wording of the thing): the strongest, corrected for how many were tried."""

    def examine(case: Case) -> Observation | None:
        best: tuple[float, float, str, str] | None = None
        tried = 0
        chosen = case.by_content
        for kind, thing in kinds.items():
            if kind not in case.view.kinds_shared:
                continue
            tried += 1
            sharers, objects = sharing_accounts(case, kind, case.members)
            share = sharers / len(case.members)
            rate = pair_rate(case, kind)
            p = 1.0
            expected = 1 - (1 - rate) ** (len(case.members) - 1)
            if chosen is not None:
                p = sharing_tail(case, kind, chosen, rate)
            text = (
                f"{percent(share)} of the accounts share {thing} with another account of the group"
                f" ({objects} in all); of as many accounts outside {percent(expected)} would."
            )
            if best is None or (p, -share) < (best[0], -best[1]):
                best = (p, share, text, kind)
        if best is None:
            return None
        p, share, text, kind = best
        return Observation(
            statistic=share,
            p_value=None if chosen is None else min(1.0, p * tried),
            statement=text,
            supports=share >= 0.1,
            examples=_sharing_most(case, kind),
        )

    return examine
