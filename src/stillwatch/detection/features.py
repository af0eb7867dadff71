"""The figures of a group that rival explanations are weighed by. None where the data cannot say."""

import numpy as np
import numpy.typing as npt

from stillwatch.detection.behaviours._matched import alike
from stillwatch.detection.behaviours._sharing import sharing_accounts
from stillwatch.detection.behaviours.divided_work_list import repeats
from stillwatch.detection.behaviours.even_volumes import spread
from stillwatch.detection.behaviours.round_the_clock import by_rhythm, daily_rhythm, mean_cosine
from stillwatch.detection.behaviours.signup_burst import WINDOW, densest
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import KINDS, Bools, Ints
from stillwatch.detection.groups import SYSTEM_PROMPT, TEXTS
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.traits import Trait
from stillwatch.records.sketches import MARKS

UNVERIFIED = 0.5
"""How much a name counts that an account only claims: anybody can write one down."""
FEW = 4
"""Accounts of the ordinary kind that are added to the members where shares are compared with those outside."""
PLACES = 3
"""Addresses that a person has at hand: a home, a telephone, and where others are."""
SYSTEM = KINDS.index("system")
TELLING_DAYS = 5
"""Days of records from which the time between an account's first and last exchange says anything."""
DECLARED = ("payment", "signup", "address")
DECLARED_KINDS = [KINDS.index(kind) for kind in DECLARED]


def _of_totals(case: Case, column: str, over: str) -> float | None:
    total = float(case.view.totals[over][case.members].sum())
    return float(case.view.totals[column][case.members].sum()) / total if total else None


def _marks(case: Case, names: tuple[str, ...]) -> float | None:
    """Share of the campaign's own texts that carry one of these marks."""
    if case.textual:
        mask = sum(MARKS[name].mask for name in names)
        return float(((case.view.evidence.ex_marks[case.own] & mask) != 0).mean()) if len(case.own) else None
    parts = [_of_totals(case, f"mark_{name}", "texts") for name in names]
    known = [p for p in parts if p is not None]
    return min(1.0, sum(known)) if known else None


def _flagged(case: Case, own: Ints, column: str, over: str) -> float | None:
    """Share of the campaign's own exchanges with a flag (1, 0, or -1 where not recorded)."""
    if not case.textual:
        return _of_totals(case, column, over)
    flags = own[case.own]
    return float(flags[flags >= 0].mean()) if (flags >= 0).any() else None


def _system_prompt(case: Case) -> float:
    """Mean share of members' texts that come with the group's system prompt."""
    if case.group.origin == SYSTEM_PROMPT:
        return float(case.group.content_share[case.group.firm].mean())
    view = case.view
    objects = case.group.text_objects[view.evidence.obj_kind[case.group.text_objects] == SYSTEM]
    _, part = view.text_share(view.exchanges_with(objects, case.members))
    return float(part.sum()) / len(case.members)


def _share(having: Bools, known: Bools) -> float | None:
    """Share of those of whom it is known; None where that is less than half of them."""
    return float(having[known].mean()) if known.any() and 2 * known.sum() >= len(known) else None


def _times(case: Case, trait: Trait) -> float | None:
    """How many times as often members have a trait as accounts outside.

    Drawn towards one by FEW accounts: a few strangers are easily all of a kind. None where it is known of less than half.
    """
    own = case.members[trait.known[case.members]]
    if not len(own) or 2 * len(own) < len(case.members):
        return None
    having, known = case.left_outside(trait.sums, trait.having, trait.known)
    rate = (having + 0.5) / (known + 1)
    return (float(trait.having[own].sum()) + FEW * rate) / (len(own) + FEW) / rate


def _address_spread(case: Case) -> float | None:
    """New addresses for each exchange, in multiples of what accounts outside with as many exchanges show."""
    view = case.view
    n, addresses = view.totals["n"], view.novelty["address"]
    if not addresses[case.members].sum():
        return None
    stratum, each, rate, count = case.population.address_rates
    size = len(rate)
    gone = case.everyone_inside
    rate = rate - np.bincount(stratum[gone], weights=each[gone], minlength=size)
    count = count - np.bincount(stratum[gone], minlength=size)
    seen = np.flatnonzero(count)
    # Where nobody outside is as busy, the nearest who are.
    nearest = seen[np.abs(np.arange(size)[:, None] - seen).argmin(axis=1)] if len(seen) else np.arange(size)
    expected = (rate[nearest] / np.maximum(count[nearest], 1))[stratum[case.members]]
    observed = addresses[case.members] / np.maximum(n[case.members], 1)
    return float(observed.sum() / max(expected.sum(), 1e-9))


def _rhythm(case: Case) -> float | None:
    """Daily rhythm of members as a share of that of accounts outside; of one account, of those that are as active."""
    if len(case.members) == 1:
        # Whoever is active in more hours has less of a rhythm, and one account may be far busier than most.
        like = alike(by_rhythm(case), case.population.rhythm[1][case.members])
        others = daily_rhythm(case, like.pool.at(np.arange(like.low[0], like.high[0])))
    else:
        others = mean_cosine(*case.left_outside(case.population.rhythm_sums, *case.population.rhythm))
    own = daily_rhythm(case, case.members)
    return None if own is None or others is None or others <= 0 else own / others


def _of_one_name(names: npt.NDArray[np.object_], verified: npt.NDArray[np.int8], checked: bool) -> float:
    """Accounts that declare the commonest name. `checked`: the provider verifies; who is not verified is half believed."""
    believed = np.where(verified == 1, 1.0, UNVERIFIED) if checked else np.ones(len(names))
    named = names != ""
    if not named.any():
        return 0.0
    _, place = np.unique(names[named].astype(str), return_inverse=True)
    return float(np.bincount(place, weights=believed[named]).max())


def _plans(case: Case) -> dict[str, float | None]:
    facts, who = case.view.evidence.accounts, case.members
    have = facts.present
    listed = facts.known[who]
    common = _of_one_name(facts.organisation[who], facts.verified[who], "verified" in have)
    created = case.view.created[who]
    known = created >= 0
    burst = None
    if known.sum() >= 4:
        burst = densest(created[known], WINDOW)[0] / len(who)
    networks = case.view.totals["net_education"][who] / np.maximum(case.view.totals["n"][who], 1)
    plan, payment = facts.plan[who], facts.payment_kind[who]
    traits = case.population.traits
    return {
        # No name is a statement, too, where the provider asks for one.
        "one_organisation": common / int(listed.sum()) if "organisation" in have and listed.any() else None,
        "verified": _times(case, traits["verified"]),
        "disposable": _times(case, traits["disposable"]),
        "new_accounts": _times(case, traits["new"]),
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
        or view.kinds_shared.isdisjoint(DECLARED)
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
    members (of the whole group, for a part of one): a venue, a campus or an office is popular, and theirs. Who shows many
    addresses is at none of them: a member of more than three counts for less, so that a pool of proxies which all go through
    is no place.
    """
    view = case.view
    if "address" not in view.kinds_shown:
        return None, None
    places = view.links_by_account.places(case.members)
    obj, acc = view.link_obj[places], view.link_acc[places]
    address = view.evidence.obj_kind[obj] == KINDS.index("address")
    found, inverse, held = np.unique(obj[address], return_inverse=True, return_counts=True)
    if not len(found):
        return 0.0, 0.0
    of_all = held
    if case.whole is not None:
        # A venue that is cut in two stays one.
        places = view.links_by_account.places(case.whole.members)
        every = np.sort(view.link_obj[places])
        of_all = np.searchsorted(every, found, "right") - np.searchsorted(every, found, "left")
    own = case.population.linking[found] | (2 * of_all >= view.popularity[found])
    together = np.unique(acc[address][((held > 1) & own)[inverse]])
    at_home = np.minimum(1.0, PLACES / np.maximum(view.novelty["address"][acc[address]], 1))
    there = np.bincount(inverse, weights=at_home)
    return len(together) / len(case.members), float(there.max()) / len(case.members)


def _span(case: Case) -> float | None:
    """Median over members of the days from their first exchange of the campaign's own to their last."""
    if case.days < TELLING_DAYS:
        return None
    who = case.members
    lasted = case.view.totals["last"][who] - case.view.totals["first"][who]
    if case.textual and len(case.own):
        # Exchanges stand by account, and of each by time.
        time, acc = case.view.evidence.ex_time[case.own], case.view.evidence.ex_acc[case.own]
        begin = np.flatnonzero(np.r_[True, acc[1:] != acc[:-1]])
        lasted = time[np.r_[begin[1:], len(acc)] - 1] - time[begin]
    return float(np.median(lasted)) / (24 * HOUR_US)


def measure(case: Case) -> dict[str, float | None]:
    """The features of rivals.yaml for one group, but for those that its tests give: `synchrony` and `agreement`."""
    view, beyond = case.view, case.population.beyond
    exchanges, repeated = repeats(case)
    active_days = case.population.active_days
    volumes = view.totals["n"][case.members]
    has_text = bool(view.totals["texts"][case.members].sum())
    payment = None
    if "payment" in view.kinds_shared:
        payment = sharing_accounts(case, "payment", case.members)[0] / len(case.members)
    shared_address, one_place = _addresses(case)
    return {
        "elicitation": _marks(case, ("reasoning_elicitation", "reasoning_after_the_fact", "fake_debug")),
        "grading": _marks(case, ("rubric_grading",)),
        "evasive_asks": _marks(case, ("replayed_block", "thinking_language_coercion", "safety_rewrite")),
        # System prompts are no template of texts, and say nothing of how alike these are.
        "template": case.typical_share if has_text and case.group.origin != SYSTEM_PROMPT else None,
        "likeness": case.group.likeness if case.group.origin == TEXTS else None,
        "repetition": repeated / exchanges if exchanges >= case.population.settings.min_exchanges else None,
        "system_prompt": _system_prompt(case) if has_text else None,
        "tools": _flagged(case, view.evidence.ex_tools, "tools", "tools_known"),
        "conversation": _flagged(case, view.evidence.ex_later, "later_turns", "turns_known"),
        "unevenness": spread(volumes),
        "daily_rhythm": _rhythm(case),
        "daily_rate": float(np.median(volumes / np.maximum(active_days[case.members], 1))),
        "span": _span(case),
        **_plans(case),
        "shared_payment": payment,
        "shared_address": shared_address,
        "one_place": one_place,
        "undeclared_sharing": _undeclared_sharing(case),
        "address_spread": _address_spread(case),
        "end_users": float(view.novelty["end_user"][case.members].mean())
        if "end_user" in view.kinds_shown
        else None,
        "size": float(len(case.members)),
        "beyond_consent": None if beyond is None else float(beyond[case.members].mean()),
    }
