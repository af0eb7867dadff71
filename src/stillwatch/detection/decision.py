"""Stage 7: verdicts. Pure functions of a view: the same view gives the same verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from stillwatch.detection.agreements import Agreement, Coverage, cover
from stillwatch.detection.applications import prompt_groups
from stillwatch.detection.behaviours import CONTENT, REGISTRY, Observation
from stillwatch.detection.case import Case, Population
from stillwatch.detection.evidence import Bools, Floats, Ints, View
from stillwatch.detection.features import measure
from stillwatch.detection.groups import SYSTEM_PROMPT, Group, form_groups, prompt_communities
from stillwatch.detection.mixtures import is_mixture
from stillwatch.detection.rivals import Weighing, features, most_to_gain, weigh
from stillwatch.detection.settings import Settings
from stillwatch.detection.significance import family_p_values, levels, speaking
from stillwatch.detection.singles import heavy_singles
from stillwatch.detection.ties import FIGURES, tied

ALLOWED = {"evaluation": "evaluation", "research": "evaluation", "resale": "reseller"}
"""Kind of use that an agreement of another purpose than distillation covers."""
CLEAR = 0.001
"""p-value from which a family counts among those that agree. Unlike significance over the scan it does not depend on how
many groups there are."""
EXTRACTION, REVIEW, LEGITIMATE = "extraction", "review", "legitimate"
NOT_OF_ONE = ("unevenness", "one_organisation", "one_place", "signup_burst", "size", "template", "agreement")
"""Features that mean nothing for a single account."""
MIXTURE = (
    "It falls into two parts, by when accounts were made or where they are, and neither by itself is more probably"
    " extraction than not."
)
MORE_THAN_NOT = 0.5
UNTIED = (
    "Its accounts send system prompts that are alike, as an application's users do. Those of them that share a card, a"
    " telephone, a mail address or a key would not be accused by themselves."
)
FROM_TESTS = ("synchrony", "agreement")
"""Features that come from the tests."""


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
        return self.case.exchanges_by_account


def _consent(formed: Case, coverage: Coverage, least: int) -> tuple[Group, bool, tuple[str, ...]]:
    """The group without accounts that agreements to distil cover, whether consent settles it, and notes.

    One partner in a campaign does not clear the others. Only where fewer than `least` members are left without
    consent is what remains the covered ones, and authorised; the few others are in no group.
    """
    view, group = formed.view, formed.group
    notes = sorted({s for code in group.members.tolist() for s in coverage.exceeded.get(code, ())})
    claims = sorted({coverage.claimed[code] for code in group.members.tolist() if code in coverage.claimed})
    notes += [
        f"Accounts claim agreement {claim} by name; they are not verified, so it covers nothing."
        for claim in claims
    ]
    covered = coverage.of("distillation", view.totals["n"])[group.accounts]
    if formed.told_by_texts:
        # What an account did in the group is what has to be covered, whatever else it asked.
        covered |= coverage.of_these("distillation", group.exchanges)[group.accounts]
    others = int((group.firm & ~covered).sum())
    if not covered.any():
        return group, False, tuple(notes)
    if others >= least or not (group.firm & covered).any():
        notes.append(f"{int(covered.sum())} accounts left out: an agreement covers them.")
        return group.only(view, ~covered), False, tuple(notes)
    if others:
        notes.append(
            f"{others} accounts left out: no agreement covers them, and they are too few for a group."
        )
    return group.only(view, covered), True, tuple(notes)


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


def weigh_figures(
    figures: dict[str, float | None], case: Case, *, single: bool
) -> tuple[dict[str, float | None], Weighing]:
    """The figures of a group that may be weighed, and what they say."""
    settings = case.population.settings
    if single:
        figures = figures | dict.fromkeys(NOT_OF_ONE)
    if settings.left_out:
        figures = figures | {f.name: None for f in features() if f.family == settings.left_out}
    return figures, weigh(figures, settings.power(len(case.members)))


@dataclass
class _Candidate:
    """A group on its way to a verdict."""

    case: Case
    consent: bool
    allowed: frozenset[str]  # kinds of use that agreements cover for every member
    notes: tuple[str, ...]
    beyond_consent: float | None
    """Share of members beyond an agreement's limit, or claiming one; None without agreements."""
    given: Mapping[str, Observation] | None = None  # a single account's observations

    @cached_property
    def observations(self) -> Mapping[str, Observation]:
        if self.given is not None:
            return self.given
        left_out = self.case.population.settings.left_out
        return {
            name: seen
            for name, behaviour in REGISTRY.items()
            if behaviour.family != left_out and (seen := behaviour.examine(self.case)) is not None
        }

    @cached_property
    def family_p(self) -> Mapping[str, float]:
        found = family_p_values(self.observations)
        if self.case.group.origin == SYSTEM_PROMPT:
            # What stands in the prompts that formed the group came with them.
            found.pop(CONTENT, None)
        return found

    @cached_property
    def sufficient(self) -> bool:
        """Did the group do enough to be accused of anything?"""
        exchanges = self.case.exchanges_by_account[self.case.group.firm].sum()
        return bool(exchanges >= self.case.population.settings.min_exchanges)

    @cached_property
    def _measured(self) -> dict[str, float | None]:
        """Figures without those of its tests: both a brief look and the verdict ask for them."""
        return measure(self.case, None)

    def _weighed(
        self, synchrony: float | None, agreement: float | None
    ) -> tuple[dict[str, float | None], Weighing]:
        """The candidate's figures, with these of its tests, and what they say."""
        known = {"synchrony": synchrony, "agreement": agreement, "beyond_consent": self.beyond_consent}
        return weigh_figures(self._measured | known, self.case, single=self.given is not None)

    @cached_property
    def _evidence(self) -> tuple[dict[str, float | None], Weighing]:
        """All its figures and what they say."""
        synchrony = self.observations.get("synchronised_activity")
        # Only what was tested can agree.
        clear = sum(p <= CLEAR for p in self.family_p.values())
        return self._weighed(
            synchrony.statistic if synchrony else None,
            float(clear) if len(self.family_p) >= 2 else None,
        )

    def _alone(self, part: Case, chosen_by: Sequence[str]) -> float:
        """Probability that this part of the group is extraction by itself, by its figures without those that chose it."""
        figures = measure(part, None) | {"beyond_consent": self.beyond_consent} | dict.fromkeys(chosen_by)
        return weigh_figures(figures, part, single=False)[1].probability(part.population.settings.prior)

    def _doubts(self) -> tuple[str, ...]:
        """Why it is not to be accused, whatever its figures are."""
        settings = self.case.population.settings
        if is_mixture(self.case, lambda part, chosen_by: self._alone(part, chosen_by) >= MORE_THAN_NOT):
            return (MIXTURE,)
        if self.case.group.origin == SYSTEM_PROMPT:
            ties = tied(self.case)
            if ties.sum() < settings.group_accounts:
                return (UNTIED,)
            if self._alone(self.case.only(ties), FIGURES) < settings.accuse_probability:
                return (UNTIED,)
        return ()

    def may_matter(self, settings: Settings) -> bool:
        """Could it be more than legitimate, whatever its tests were to find? They are dear, this is not."""
        if self.consent:
            return False
        if self.given is not None:
            return True
        _, weighing = self._weighed(None, None)
        gain = most_to_gain(FROM_TESTS) * settings.power(len(self.case.members))
        at_best = replace(weighing, log10_bayes_factor=weighing.log10_bayes_factor + gain)
        return at_best.probability(settings.prior) >= settings.review_probability

    def judged(self, significant: frozenset[str], settings: Settings) -> Judged:
        """Weigh the candidate, given which families are significant over the scan."""
        figures, weighing = self._evidence
        verdict, kind, probability = _verdict(weighing, significant, self.sufficient, settings)
        notes = self.notes
        if verdict == EXTRACTION and (doubts := self._doubts()):
            verdict = REVIEW
            notes = (*notes, *doubts)
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
            data_state="sufficient" if self.sufficient else "insufficient",
            notes=notes,
            single=self.given is not None,
        )


class _Docket:
    """Everything in a view that is to be judged."""

    def __init__(
        self, view: View, agreements: list[Agreement], releases: Mapping[str, int], settings: Settings
    ) -> None:
        self.view, self.settings = view, settings
        self.population = Population(view, settings, dict(releases))
        self.consents = bool(agreements)
        self.coverage = cover(agreements, view.evidence, view.until)
        self.allowed = {kind: np.zeros(len(view.active), dtype=bool) for kind in ALLOWED.values()}
        for purpose, kind in ALLOWED.items():
            self.allowed[kind] |= self.coverage.of(purpose, view.totals["n"])
        self.formed = form_groups(view, settings)
        self.prompted = prompt_communities(view, settings, self.formed)

    def _after_consent(
        self, formed: Group, least: int, given: Mapping[str, Observation] | None = None
    ) -> tuple[Group, list[_Candidate]]:
        """What consent leaves of a group, and that as a candidate where it is still a group."""
        group, consent, notes = _consent(Case(formed, self.population), self.coverage, least)
        if not consent and len(group.members) < least:
            return group, []
        kinds = frozenset(kind for kind, of in self.allowed.items() if of[group.members].all())
        beyond = float(self.coverage.beyond[group.members].mean()) if self.consents else None
        return group, [_Candidate(Case(group, self.population), consent, kinds, notes, beyond, given)]

    def groups(self) -> list[_Candidate]:
        """Groups that texts or infrastructure formed, largest first, and then single accounts."""
        view = self.view
        covered = self.coverage.of("distillation", view.totals["n"])
        found: list[_Candidate] = []
        taken = np.zeros(len(view.active), dtype=bool)
        for formed in self.formed:
            group, candidate = self._after_consent(formed, self.settings.group_accounts)
            taken[group.members] = True
            taken[formed.members] |= covered[formed.members]
            found += candidate
        if self.settings.left_out != CONTENT:
            for formed, given in heavy_singles(self.population, taken):
                found += self._after_consent(formed, 1, given)[1]
        return found

    def among(self, formed: Group, keep: Bools, known: Sequence[Group]) -> list[_Candidate]:
        """A group of those accounts of another that `keep` marks (along its accounts), if they are enough for one.

        And not one of those `known`.
        """
        rest = formed.only(self.view, keep)
        least = self.settings.group_accounts
        if len(rest.members) < least:
            return []
        group, candidates = self._after_consent(rest, least)
        return [] if any(np.array_equal(group.accounts, one.accounts) for one in known) else candidates

    def applications(self, accused: Bools, known: Sequence[Group]) -> list[_Candidate]:
        """Groups of one system prompt, without accounts that are accused otherwise, and not those that are `known`."""
        seen = {group.accounts.tobytes() for group in known}
        found: list[_Candidate] = []
        for formed in prompt_groups(self.view, self.settings, [*self.formed, *known], accused):
            group, candidate = self._after_consent(formed, self.settings.group_accounts)
            # Consent may have cut it to a set of accounts that has a row already.
            if group.accounts.tobytes() not in seen:
                seen.add(group.accounts.tobytes())
                found += candidate
        return found


def judge(
    view: View,
    agreements: list[Agreement],
    releases: Mapping[str, int],
    settings: Settings,
    about: Sequence[Ints] | None = None,
    *,
    brief: bool = False,
) -> list[Judged]:
    """Form, test and weigh the groups of a view: largest first, then single accounts, system prompts, applications' users.

    With `about` (sets of account codes) only groups that could be accused and hold half of one of the sets are tested and
    handed out, with the same verdicts. `brief` leaves out groups that no test could make more than legitimate, untested:
    for looks that ask who is accused or up for review.
    """
    docket = _Docket(view, agreements, releases, settings)
    candidates = docket.groups()
    # Only what could be accused is a hypothesis: not single accounts, not what consent covers, and not what did next to
    # nothing.
    tested = [c for c in candidates if c.given is None and c.sufficient and not c.consent]
    sizes = [len(c.case.members) for c in tested] + [len(group.members) for group in docket.prompted]
    error = settings.family_wise_error / settings.planned_scans
    level = dict(zip(map(id, [*tested, *docket.prompted]), levels(sizes, error), strict=True))

    def wanted(accounts: Ints) -> bool:
        return about is None or any(holds_half(accounts, one) for one in about)

    prompted = [group for group in docket.prompted if wanted(group.members)]
    # Who is accused otherwise is left out of a group of system prompts, so that has to be known.
    beside = np.zeros(len(view.active), dtype=bool)
    for group in prompted:
        beside[group.accounts] = True
    found: list[Judged] = []
    accused = np.zeros(len(view.active), dtype=bool)
    for c in candidates:
        if not wanted(c.case.members) and (c.given is not None or not beside[c.case.members].any()):
            continue
        if brief and not c.may_matter(settings):
            continue
        significant = speaking(c.family_p, level[id(c)]) if id(c) in level else frozenset()
        found.append(c.judged(significant, settings))
        accused[found[-1].group.members] |= found[-1].verdict == EXTRACTION
    known = [c.case.group for c in candidates]
    for group in prompted:
        for c in docket.among(group, ~accused[group.accounts], known):
            known.append(c.case.group)
            if not brief or c.may_matter(settings):
                found.append(c.judged(speaking(c.family_p, level[id(group)]), settings))
                accused[found[-1].group.members] |= found[-1].verdict == EXTRACTION
    if about is not None:
        return [judged for judged in found if wanted(judged.group.members)]
    # Nobody chose an application's users one by one, so their group is no hypothesis, and never accused.
    applications = docket.applications(accused, known)
    return [
        *found,
        *(c.judged(frozenset(), settings) for c in applications if not brief or c.may_matter(settings)),
    ]


def holds_half(members: Ints, accounts: Ints) -> bool:
    """Are at least half of `accounts` among `members`?"""
    return 2 * int(np.isin(accounts, members, assume_unique=True).sum()) >= len(accounts)
