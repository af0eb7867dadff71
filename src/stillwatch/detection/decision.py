"""Stage 7: verdicts. Pure functions of a view: the same view gives the same verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from stillwatch.detection.agreements import Agreement, Coverage, cover
from stillwatch.detection.behaviours import REGISTRY, Observation
from stillwatch.detection.case import Case, Population
from stillwatch.detection.evidence import Floats, View
from stillwatch.detection.features import measure
from stillwatch.detection.groups import Group, form_groups
from stillwatch.detection.linking import candidate_edges
from stillwatch.detection.rivals import Weighing, weigh
from stillwatch.detection.settings import Settings
from stillwatch.detection.significance import benjamini_hochberg, family_p_values
from stillwatch.detection.singles import heavy_singles

COVERED = 0.95
"""An account is covered when agreements to distil cover this share of its exchanges."""
ALL_COVERED = 0.9
RELAY_SHARE = 0.6
"""A member with a smaller share of its texts in the campaign mixes it with other traffic."""
EXTRACTION, REVIEW, LEGITIMATE = "extraction", "review", "legitimate"
PURPOSE_KIND = {"evaluation": "evaluation", "research": "evaluation", "resale": "reseller"}


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

    @property
    def group(self) -> Group:
        """The group."""
        return self.case.group

    @property
    def own_exchanges(self) -> Floats:
        """Exchanges of the campaign by account, along `group.accounts`; all of them where no text ties the group."""
        view = self.case.view
        total = view.totals["n"][self.group.accounts]
        if not len(self.group.exchanges) or self.case.typical_share < self.case.population.settings.tie_share:
            return np.asarray(total)
        tied = np.bincount(view.evidence.ex_acc[self.group.exchanges], minlength=len(view.active))
        return np.asarray(tied[self.group.accounts], dtype=np.float64)


def _without(group: Group, gone: np.ndarray) -> Group:
    """The group less these account codes."""
    keep = ~np.isin(group.accounts, gone)
    return replace(
        group,
        accounts=group.accounts[keep],
        content_share=group.content_share[keep],
        infrastructure_kinds=group.infrastructure_kinds[keep],
        firm=group.firm[keep],
    )


def _consent(view: View, group: Group, coverage: Coverage) -> tuple[Group, float, tuple[str, ...]]:
    """The group without accounts that consent covers (unless it covers all), the covered share, and notes."""
    total = view.totals["n"]
    members = group.members
    share = float(coverage.distillation[members].sum() / max(total[members].sum(), 1))
    notes = sorted({s for code in members.tolist() for s in coverage.exceeded.get(code, ())})
    claims = sorted({coverage.claimed[code] for code in members.tolist() if code in coverage.claimed})
    notes += [
        f"Accounts claim agreement {claim} by name; they are not verified, so it covers nothing."
        for claim in claims
    ]
    if share < ALL_COVERED:
        covered = group.accounts[
            coverage.distillation[group.accounts] >= COVERED * np.maximum(total[group.accounts], 1)
        ]
        if len(covered):
            group = _without(group, covered)
            notes.append(f"{len(covered)} accounts left out: an agreement covers them.")
    return group, share, tuple(notes)


def _verdict(
    weighing: Weighing, significant: frozenset[str], sufficient: bool, settings: Settings
) -> tuple[str, str, float]:
    """(verdict, kind of use, probability)."""
    probability = weighing.probability(settings.prior)
    if probability >= settings.accuse_probability and len(significant) >= 2 and sufficient:
        return EXTRACTION, "extraction", probability
    if probability >= settings.review_probability and significant:
        return REVIEW, weighing.best if sufficient else "unknown", probability
    return LEGITIMATE, weighing.best_benign if sufficient else "unknown", probability


def judge(
    view: View, agreements: list[Agreement], releases: Mapping[str, int], settings: Settings
) -> list[Judged]:
    """Form, test and weigh the groups of a view. Largest first; single accounts last."""
    population = Population(view, settings, dict(releases))
    coverage = cover(agreements, view.evidence, view.until)
    cases: list[tuple[Case, dict[str, Observation], float, tuple[str, ...], bool]] = []
    taken = np.zeros(len(view.active), dtype=bool)
    for candidate in form_groups(view, candidate_edges(view, settings), settings):
        group, covered, notes = _consent(view, candidate, coverage)
        taken[candidate.members] = True
        if int(group.firm.sum()) < settings.group_accounts:
            continue
        case = Case(group, population)
        observations = {
            name: seen
            for name, behaviour in REGISTRY.items()
            if (seen := behaviour.examine(case)) is not None
        }
        cases.append((case, observations, covered, notes, False))
    for group, observations in heavy_singles(population, taken):
        remaining, covered, notes = _consent(view, group, coverage)
        if len(remaining.accounts):
            cases.append((Case(remaining, population), observations, covered, notes, True))

    family_p = [family_p_values(observations) for _, observations, _, _, _ in cases]
    keys = [(i, family) for i, by_family in enumerate(family_p) for family in by_family]
    rejected = benjamini_hochberg([family_p[i][family] for i, family in keys], settings.fdr)
    significant: list[set[str]] = [set() for _ in cases]
    for (i, family), passed in zip(keys, rejected, strict=True):
        if passed:
            significant[i].add(family)

    judged = []
    for i, (case, observations, covered, notes, single) in enumerate(cases):
        synchrony = observations.get("synchronised_activity")
        figures = measure(case, synchrony.statistic if synchrony else None)
        if single:
            figures |= dict.fromkeys(("unevenness", "one_organisation", "signup_burst", "size", "template"))
        weighing = weigh(figures, settings.tempering)
        exchanges = len(case.group.exchanges) or int(case.exchanges_by_member.sum())
        sufficient = exchanges >= settings.min_exchanges
        families = frozenset(significant[i])
        verdict, kind, probability = _verdict(weighing, families, sufficient, settings)
        if covered >= ALL_COVERED:
            verdict, kind = LEGITIMATE, "authorised"
            # Consent settles it: what is covered is not unauthorised, whatever it looks like.
            probability = min(probability, 1.0 - covered, 0.01)
        judged.append(
            Judged(
                case,
                observations,
                family_p[i],
                families,
                figures,
                weighing,
                probability,
                verdict,
                kind,
                "sufficient" if sufficient else "insufficient",
                notes,
                single,
            )  # fmt: skip
        )
    return judged


def roles(judged: Judged) -> list[tuple[str, float]]:
    """(role, probability) for each account of `judged.group.accounts`.

    An account's probability is the group's times how surely it belongs: tied by texts and infrastructure, by
    one of them, or only linked.
    """
    group = judged.group
    textual = judged.case.typical_share >= judged.case.population.settings.tie_share
    found = []
    for share, kinds, firm in zip(group.content_share, group.infrastructure_kinds, group.firm, strict=True):
        if not firm:
            found.append(("suspected", 0.3 * judged.probability))
            continue
        belongs = 0.99 if share > 0 and kinds > 0 else 0.97
        relayed = textual and 0 < share < RELAY_SHARE
        found.append(("relay" if relayed else "member", belongs * judged.probability))
    return found
