"""The figures of a group that rival explanations are weighed by. None where the data cannot say."""

import numpy as np

from stillwatch.detection.behaviours._sharing import sharing_accounts
from stillwatch.detection.behaviours.disposable_identity import DISPOSABLE
from stillwatch.detection.behaviours.divided_work_list import repeats
from stillwatch.detection.behaviours.even_volumes import spread
from stillwatch.detection.behaviours.signup_burst import WINDOW, densest
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import KINDS, Bools, Floats, Ints

NEW_DAYS = 30
PLACES = 3
"""Addresses that a person has at hand: a home, a telephone, and where others are."""
SYSTEM = KINDS.index("system")
DECLARED_KINDS = [KINDS.index(kind) for kind in ("payment", "signup", "address")]


def _of_exchanges(case: Case, column: str, over: str) -> float | None:
    total = float(case.view.totals[over][case.members].sum())
    return float(case.view.totals[column][case.members].sum()) / total if total else None


def _marks(case: Case, names: tuple[str, ...]) -> float | None:
    parts = [_of_exchanges(case, f"mark_{name}", "texts") for name in names]
    known = [p for p in parts if p is not None]
    return min(1.0, sum(known)) if known else None


def _text_shares(case: Case) -> tuple[float, float]:
    """(typical share of members' texts on templates; mean share of members' texts with the group's system prompt)."""
    view, group = case.view, case.group
    system = view.evidence.obj_kind[group.text_objects] == SYSTEM

    def share(objects: Ints) -> Floats:
        who, part = view.text_share(view.exchanges_with(objects))
        found = np.zeros(len(view.active))
        found[who] = part
        return np.asarray(found[case.members])

    return (
        float(np.median(share(group.text_objects[~system]))),
        float(share(group.text_objects[system]).mean()),
    )


def _share(having: Bools, known: Bools) -> float | None:
    """Share of those of whom it is known; None where that is less than half of them."""
    return float(having[known].mean()) if known.any() and 2 * known.sum() >= len(known) else None


def _plans(case: Case) -> dict[str, float | None]:
    facts, who = case.view.evidence.accounts, case.members
    have = facts.present
    listed = facts.known[who]
    organisations = facts.organisation[who]
    named = organisations[organisations != ""]
    common = max(np.unique(named, return_counts=True)[1]) if len(named) else 0
    created = case.view.created[who]
    first = case.view.totals["first"][who] // 3_600_000_000
    known = created >= 0
    burst = None
    if known.sum() >= 4:
        burst = densest(created[known], WINDOW)[0] / len(who)
    networks = case.view.totals["net_education"][who] / np.maximum(case.view.totals["n"][who], 1)
    plan, payment = facts.plan[who], facts.payment_kind[who]
    verified = facts.verified[who]
    return {
        # No name is a statement, too, where the provider asks for one.
        "one_organisation": common / int(listed.sum()) if "organisation" in have and listed.any() else None,
        "verified": _share(verified == 1, verified >= 0),
        "disposable": _share(
            np.isin(payment, DISPOSABLE) & (verified == 0), (payment != "") & (verified >= 0)
        ),
        "new_accounts": _share(first - created < 24 * NEW_DAYS, known),
        "signup_burst": burst,
        "institution": _share(np.isin(plan, ("education", "research")) | (networks >= 0.5), plan != ""),
        "business": _share(
            (plan == "enterprise") | np.isin(payment, ("invoice", "cloud_marketplace")), plan != ""
        ),
    }


def _undeclared_sharing(case: Case) -> float | None:
    """Share of members that share a card, sign-up or client address with one that declares another organisation or none.

    Members on education plans or networks declare themselves by those. Of accounts that the accounts table does not list
    nothing is known; None where that is most of them, or where organisations are not recorded.
    """
    view, facts = case.view, case.view.evidence.accounts
    kind = view.evidence.obj_kind
    listed = facts.known[case.members]
    if (
        "organisation" not in facts.present
        or not np.isin(kind, DECLARED_KINDS).any()
        or 2 * listed.sum() < len(listed)
    ):
        return None
    links = view.links_by_account.places(case.members)
    obj, acc = view.link_obj[links], view.link_acc[links]
    keep = case.population.linking[obj] & np.isin(kind[obj], DECLARED_KINDS) & facts.known[acc]
    obj, acc = obj[keep], acc[keep]
    _, room, size = np.unique(obj, return_inverse=True, return_counts=True)
    names, code = np.unique(facts.organisation[acc].astype(str), return_inverse=True)
    cell = room * np.int64(len(names) + 1) + code
    _, inverse, same = np.unique(cell, return_inverse=True, return_counts=True)
    # Others in the room less those of the same name; no name is nobody's name.
    strangers = (
        np.where(names[code] == "", size[room] - 1, size[room] - same[inverse]) if len(obj) else np.zeros(0)
    )
    declared = (facts.plan[acc] == "education") | (
        view.totals["net_education"][acc] >= 0.5 * view.totals["n"][acc]
    )
    return len(np.unique(acc[(strangers > 0) & ~declared])) / int(listed.sum())


def _addresses(case: Case) -> tuple[float | None, float | None]:
    """(share of members that share an address with another; largest share of them that use one same address).

    An address that links nobody because too many use it counts all the same where half of its users or more are
    members: a venue, a campus or an office is popular, and theirs. Who shows many addresses is at none of them: a member
    of more than three counts for less, so that a pool of proxies which all go through is no place.
    """
    view = case.view
    if not view.novelty["address"].any():
        return None, None
    places = view.links_by_account.places(case.members)
    obj, acc = view.link_obj[places], view.link_acc[places]
    address = view.evidence.obj_kind[obj] == KINDS.index("address")
    found, inverse, held = np.unique(obj[address], return_inverse=True, return_counts=True)
    if not len(found):
        return 0.0, 0.0
    own = case.population.linking[found] | (2 * held >= view.popularity[found])
    together = np.unique(acc[address][((held > 1) & own)[inverse]])
    at_home = np.minimum(1.0, PLACES / np.maximum(view.novelty["address"][acc[address]], 1))
    there = np.bincount(inverse, weights=at_home)
    return len(together) / len(case.members), float(there.max()) / len(case.members)


def measure(case: Case, synchrony: float | None) -> dict[str, float | None]:
    """The features of rivals.yaml for one group; `synchrony` comes from its test, which is dear to repeat."""
    view = case.view
    counts = case.exchanges_by_member
    exchanges, repeated = repeats(case)
    strength, enough = case.population.rhythm
    rhythm = strength[case.members[enough[case.members]]]
    active_days = case.population.active_days
    template, system = _text_shares(case)
    has_text = bool(view.totals["texts"][case.members].sum())
    payment = None
    if (view.evidence.obj_kind == KINDS.index("payment")).any():
        payment = sharing_accounts(case, "payment", case.members)[0] / len(case.members)
    shared_address, one_place = _addresses(case)
    addresses = view.novelty["address"][case.members]
    return {
        "elicitation": _marks(case, ("reasoning_elicitation", "reasoning_after_the_fact", "fake_debug")),
        "grading": _marks(case, ("rubric_grading",)),
        "evasive_asks": _marks(case, ("replayed_block", "thinking_language_coercion", "safety_rewrite")),
        "template": template if has_text else None,
        "repetition": repeated / exchanges if exchanges >= case.population.settings.min_exchanges else None,
        "system_prompt": system if has_text else None,
        "tools": _of_exchanges(case, "tools", "tools_known"),
        "conversation": _of_exchanges(case, "later_turns", "turns_known"),
        "unevenness": spread(counts),
        "synchrony": synchrony,
        "daily_rhythm": float(rhythm.mean()) if len(rhythm) >= max(2, 0.3 * len(counts)) else None,
        "daily_rate": float(np.median(counts / np.maximum(active_days[case.members], 1))),
        **_plans(case),
        "shared_payment": payment,
        "shared_address": shared_address,
        "one_place": one_place,
        "undeclared_sharing": _undeclared_sharing(case),
        "address_spread": float((addresses / np.maximum(counts, 1)).mean()) if addresses.sum() else None,
        "end_users": float(view.novelty["end_user"][case.members].mean())
        if view.novelty["end_user"].any()
        else None,
        "size": float(len(case.members)),
    }
