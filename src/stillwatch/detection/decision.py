"""Stage 7: verdicts. Pure functions of a view: the same view gives the same verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from stillwatch.detection.agreements import Agreement, Coverage, cover
from stillwatch.detection.behaviours import REGISTRY, Observation
from stillwatch.detection.case import Case, Population
from stillwatch.detection.evidence import Bools, Floats, Ints, View
from stillwatch.detection.features import measure
from stillwatch.detection.groups import Group, form_groups
from stillwatch.detection.rivals import Weighing, weigh
from stillwatch.detection.settings import Settings
from stillwatch.detection.significance import family_p_values, passes, size_weights
from stillwatch.detection.singles import heavy_singles
from stillwatch.records.findings import FAMILIES

ALLOWED = {"evaluation": "evaluation", "research": "evaluation", "resale": "reseller"}
"""Kind of use that an agreement of another purpose than distillation covers."""
RELAY_SHARE = 0.6
"""A member with a smaller share of its texts in the campaign mixes it with other traffic."""
VOUCHED_SHARE = 0.25
"""From this share of a group on, verified accounts of institutions and businesses are what the group is."""
EXTRACTION, REVIEW, LEGITIMATE = "extraction", "review", "legitimate"
NOT_OF_ONE = ("unevenness", "one_organisation", "one_place", "signup_burst", "size", "template", "agreement")
"""Features that mean nothing for a single account."""


@dataclass(frozen=True)
class Judged:
    """A group with its verdict and all that led to it."""

    case: Case
    observations: Mapping[str, Observation]
    family_p: Mapping[str, float]
    significant: frozenset[str]
    figures: Mapping[str, float | None]
    weighing: Weighing
    probability: float
    verdict: str
    kind_of_use: str
    data_state: str
    notes: tuple[str, ...]
    single: bool = False
    exempt: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Codes of members that are taken out of the accused, with the ids of the exemptions that do so."""

    @property
    def group(self) -> Group:
        """The group."""
        return self.case.group

    @property
    def own_exchanges(self) -> Floats:
        """Exchanges of the campaign by account, along `group.accounts`; all of them where no text ties the group."""
        view = self.case.view
        total = view.totals["n"][self.group.accounts]
        if not self.case.told_by_texts:
            return np.asarray(total)
        tied = np.bincount(view.evidence.ex_acc[self.group.exchanges], minlength=len(view.active))
        return np.asarray(tied[self.group.accounts], dtype=np.float64)


def _only(view: View, group: Group, keep: Bools) -> Group:
    """The group with those of its accounts that `keep` marks (along `group.accounts`)."""
    accounts = group.accounts[keep]
    return replace(
        group,
        accounts=accounts,
        content_share=group.content_share[keep],
        infrastructure_kinds=group.infrastructure_kinds[keep],
        firm=group.firm[keep],
        by_text=group.by_text[keep],
        exchanges=group.exchanges[np.isin(view.evidence.ex_acc[group.exchanges], accounts)],
    )


def _consent(view: View, group: Group, coverage: Coverage, least: int) -> tuple[Group, bool, tuple[str, ...]]:
    """The group without accounts that agreements to distil cover, whether consent settles it, and notes.

    One partner in a campaign does not clear the others. Only where fewer than `least` members are left without
    consent is what remains the covered ones, and authorised; the few others are in no group.
    """
    notes = sorted({s for code in group.members.tolist() for s in coverage.exceeded.get(code, ())})
    claims = sorted({coverage.claimed[code] for code in group.members.tolist() if code in coverage.claimed})
    notes += [
        f"Accounts claim agreement {claim} by name; they are not verified, so it covers nothing."
        for claim in claims
    ]
    covered = coverage.of("distillation", view.totals["n"])[group.accounts]
    others = int((group.firm & ~covered).sum())
    if not covered.any():
        return group, False, tuple(notes)
    if others >= least or not (group.firm & covered).any():
        notes.append(f"{int(covered.sum())} accounts left out: an agreement covers them.")
        return _only(view, group, ~covered), False, tuple(notes)
    if others:
        notes.append(
            f"{others} accounts left out: no agreement covers them, and they are too few for a group."
        )
    return _only(view, group, covered), True, tuple(notes)


def _verdict(
    weighing: Weighing, significant: frozenset[str], sufficient: bool, settings: Settings
) -> tuple[str, str, float]:
    """(verdict, kind of use, probability). The kind is what the group most probably is under this prior."""
    probability = weighing.probability(settings.prior)
    if probability >= settings.accuse_probability and len(significant) >= 2 and sufficient:
        return EXTRACTION, "extraction", probability
    if probability >= settings.review_probability:
        kind = "extraction" if probability >= 0.5 else weighing.best_benign
        return REVIEW, kind if sufficient else "unknown", probability
    return LEGITIMATE, weighing.best_benign if sufficient else "unknown", probability


@dataclass
class _Candidate:
    """A group on its way to a verdict."""

    case: Case
    consent: bool
    allowed: frozenset[str]  # kinds of use that agreements cover for every member
    notes: tuple[str, ...]
    given: Mapping[str, Observation] | None = None  # a single account's observations

    @cached_property
    def observations(self) -> Mapping[str, Observation]:
        if self.given is not None:
            return self.given
        return {
            name: seen
            for name, behaviour in REGISTRY.items()
            if (seen := behaviour.examine(self.case)) is not None
        }

    @cached_property
    def family_p(self) -> Mapping[str, float]:
        return family_p_values(self.observations)

    def judged(self, significant: frozenset[str], settings: Settings) -> Judged:
        """Weigh the candidate, given which families are significant over the scan."""
        synchrony = self.observations.get("synchronised_activity")
        figures = measure(self.case, synchrony.statistic if synchrony else None)
        # Only what was tested can agree.
        figures["agreement"] = float(len(significant)) if len(self.family_p) >= 2 else None
        single = self.given is not None
        if single:
            figures |= dict.fromkeys(NOT_OF_ONE)
        weighing = weigh(figures, settings.power(len(self.case.members)))
        exchanges = len(self.case.group.exchanges) or int(self.case.exchanges_by_member.sum())
        sufficient = exchanges >= settings.min_exchanges
        verdict, kind, probability = _verdict(weighing, significant, sufficient, settings)
        notes = self.notes
        if self.consent:
            verdict, kind = LEGITIMATE, "authorised"
            # Consent settles it: what is covered is not unauthorised, whatever it looks like.
            probability = min(probability, 0.01)
        elif verdict == REVIEW and kind in self.allowed:
            verdict = LEGITIMATE
            notes = (*notes, f"Agreements cover {kind} for all of these accounts, and nothing else.")
        return Judged(
            case=self.case,
            observations=self.observations,
            family_p=self.family_p,
            significant=significant,
            figures=figures,
            weighing=weighing,
            probability=probability,
            verdict=verdict,
            kind_of_use=kind,
            data_state="sufficient" if sufficient else "insufficient",
            notes=notes,
            single=single,
        )


def _candidates(
    view: View, agreements: list[Agreement], releases: Mapping[str, int], settings: Settings
) -> list[_Candidate]:
    population = Population(view, settings, dict(releases))
    coverage = cover(agreements, view.evidence, view.until)
    found: list[_Candidate] = []
    taken = np.zeros(len(view.active), dtype=bool)
    allowed = {kind: np.zeros(len(view.active), dtype=bool) for kind in ALLOWED.values()}
    for purpose, kind in ALLOWED.items():
        allowed[kind] |= coverage.of(purpose, view.totals["n"])

    def add(
        group: Group, consent: bool, notes: tuple[str, ...], given: Mapping[str, Observation] | None
    ) -> None:
        kinds = frozenset(kind for kind, by_account in allowed.items() if by_account[group.members].all())
        found.append(_Candidate(Case(group, population), consent, kinds, notes, given))

    for formed in form_groups(view, settings):
        group, consent, notes = _consent(view, formed, coverage, settings.group_accounts)
        taken[group.members] = True
        taken[formed.members] |= coverage.of("distillation", view.totals["n"])[formed.members]
        if consent or len(group.members) >= settings.group_accounts:
            add(group, consent, notes, None)
    for formed, observations in heavy_singles(population, taken):
        group, consent, notes = _consent(view, formed, coverage, 1)
        add(group, consent, notes, observations)
    return found


def judge(
    view: View,
    agreements: list[Agreement],
    releases: Mapping[str, int],
    settings: Settings,
    about: Sequence[Ints] | None = None,
) -> list[Judged]:
    """Form, test and weigh the groups of a view. Largest first; single accounts last.

    With `about` (sets of account codes) only groups that hold half of one of the sets are tested and handed out, with the
    same verdicts.
    """
    candidates = _candidates(view, agreements, releases, settings)
    hypotheses = len(FAMILIES) * len(candidates)
    weights = size_weights([len(c.case.members) for c in candidates])

    def significant(candidate: _Candidate, weight: float) -> frozenset[str]:
        return frozenset(
            family
            for family, p in candidate.family_p.items()
            if passes(p, settings.family_wise_error, weight, hypotheses)
        )

    return [
        c.judged(significant(c, weight), settings)
        for c, weight in zip(candidates, weights, strict=True)
        if about is None or any(holds_half(c.case.members, accounts) for accounts in about)
    ]


def holds_half(members: Ints, accounts: Ints) -> bool:
    """Are at least half of `accounts` among `members`?"""
    return 2 * int(np.isin(accounts, members, assume_unique=True).sum()) >= len(accounts)


def vouched_for(judged: Judged) -> Bools:
    """Along `judged.group.accounts`: verified accounts of institutions and businesses in a group of others.

    A study or a company whose texts resemble a campaign's may be put into it, and the group's figures then say little of
    these few. Where such accounts are common in the group nobody is told apart by it.
    """
    facts, who = judged.case.view.evidence.accounts, judged.group.accounts
    standing = np.isin(facts.plan[who], ("education", "research", "enterprise"))
    standing |= facts.payment_kind[who] == "invoice"
    found = np.asarray((facts.verified[who] == 1) & standing)
    firm = judged.group.firm
    return found if firm.any() and found[firm].mean() < VOUCHED_SHARE else np.zeros(len(who), dtype=bool)


def roles(judged: Judged) -> list[tuple[str, float]]:
    """(role, probability) for each account of `judged.group.accounts`.

    An account's probability is the group's times how surely it belongs: tied by texts and infrastructure, by
    one of them, or only linked, or unlike the others in who vouches for it. Who is exempt is not accused, and keeps the
    probability that the evidence gives.
    """
    group = judged.group
    unlike = vouched_for(judged)
    found = []
    for code, share, kinds, belongs_firmly in zip(
        group.accounts.tolist(),
        group.content_share,
        group.infrastructure_kinds,
        group.firm & ~unlike,
        strict=True,
    ):
        if not belongs_firmly:
            found.append(("suspected", 0.3 * judged.probability))
            continue
        belongs = 0.99 if share > 0 and kinds > 0 else 0.97
        relayed = judged.case.told_by_texts and 0 < share < RELAY_SHARE
        role = "suspected" if code in judged.exempt else "relay" if relayed else "member"
        found.append((role, belongs * judged.probability))
    return found
