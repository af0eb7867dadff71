"""Stage 7: one group on its way to a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from stillwatch.detection.agreements import Passed
from stillwatch.detection.aside import put_aside
from stillwatch.detection.behaviours import CONTENT, REGISTRY, Observation
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Bools, Floats
from stillwatch.detection.features import measure
from stillwatch.detection.groups import SYSTEM_PROMPT, Group
from stillwatch.detection.mixtures import LEAST, is_mixture
from stillwatch.detection.outside import Corroboration, corroboration
from stillwatch.detection.rivals import Weighing, most_to_gain
from stillwatch.detection.settings import Settings
from stillwatch.detection.significance import family_p_values
from stillwatch.detection.singles import HEAVY_EXCHANGES, VOLUME
from stillwatch.detection.standing import MORE_THAN_NOT, alone, weigh_figures
from stillwatch.detection.ties import FIGURES, tied
from stillwatch.records.findings import FAMILIES

CLEAR = 0.001
"""p-value from which a family counts among those that agree. Unlike significance over the scan it does not depend on how
many groups there are."""
EXTRACTION, REVIEW, LEGITIMATE = "extraction", "review", "legitimate"
MIXTURE = (
    "It falls into two parts, by when accounts were made or where they are, and neither by itself is more probably"
    " extraction than not."
)
UNTIED = (
    "Its accounts send system prompts that are alike, as an application's users do. Those of them that share a card, a"
    " telephone, a mail address or a key would not be accused by themselves."
)
ASIDE = "Too few of its accounts are left that could be accused, without those that are something else by themselves."
REST = (
    "Many of its accounts would not be accused by themselves, and those that are left are not more probably extraction than"
    " not."
)
UNTESTED = "It was cleared without its tests: whatever they said, it would not have come to a review, nor at a prior of 5%."
FROM_TESTS = ("synchrony", "agreement")
"""Features that come from the tests."""
SYNCHRONY = "synchronised_activity"
"""The behaviour whose statistic is a feature."""


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
    aside: Bools
    """Along `group.accounts`: put beside an accused group by what they have in common with it, and something else."""
    single: bool = False
    heavy: bool = False
    """One account that is judged for how much it sent."""
    passed: tuple[Passed, ...] = ()
    """Limits of agreements that its members are beyond, and agreements that they only claim."""
    corroboration: Corroboration | None = None
    """What other members shared that raised its Bayes factor; its own evidence has two families then."""
    exempt: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Codes of members that are taken out of the accused, with the ids of the exemptions that do so."""

    @property
    def group(self) -> Group:
        """The group."""
        return self.case.group

    @property
    def power(self) -> float:
        """To which power the likelihood ratio of each of its figures counts."""
        return self.case.population.settings.power(len(self.case.members), heavy=self.heavy)

    @property
    def own_exchanges(self) -> Floats:
        """Exchanges of the campaign by account, along `group.accounts`; all of them where no text ties the group."""
        return self.case.exchanges_by_account

    @property
    def belong(self) -> Bools:
        """Along `group.accounts`: who belongs to it firmly and is not put aside."""
        return self.group.firm & ~self.aside

    @cached_property
    def accused(self) -> Bools:
        """Along `group.accounts`: who is accused; nobody of a group that is not."""
        exempt = np.isin(self.group.accounts, list(self.exempt))
        return np.asarray((self.verdict == EXTRACTION) & self.belong & ~exempt)


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
class Candidate:
    """A group on its way to a verdict."""

    case: Case
    consent: bool
    allowed: frozenset[str]  # kinds of use that agreements cover for every member
    notes: tuple[str, ...]
    given: Mapping[str, Observation] | None = None  # a single account's observations
    passed: tuple[Passed, ...] = ()
    untested: bool = False  # its tests are left out, and it is judged by its other figures

    def leave_out_tests(self) -> None:
        """Judge it by its other figures; for one that may not matter, before anything asks for its tests."""
        self.untested = True
        if not self.consent:
            self.notes = (*self.notes, UNTESTED)

    @property
    def heavy(self) -> bool:
        """Is it one account that is judged for how much it sent?"""
        volume = (self.given or {}).get(VOLUME)
        return volume is not None and volume.statistic >= HEAVY_EXCHANGES

    @cached_property
    def observations(self) -> Mapping[str, Observation]:
        """What each behaviour sees in it."""
        if self.given is not None:
            return self.given
        if self.untested:
            return {}
        found = {name: self._synchrony if name == SYNCHRONY else self._seen(name) for name in REGISTRY}
        return {name: seen for name, seen in found.items() if seen is not None}

    def _seen(self, name: str) -> Observation | None:
        """What one behaviour sees in it."""
        left_out = self.case.population.settings.left_out
        return None if REGISTRY[name].family == left_out else REGISTRY[name].examine(self.case)

    @cached_property
    def _synchrony(self) -> Observation | None:
        return self._seen(SYNCHRONY)

    @cached_property
    def family_p(self) -> Mapping[str, float]:
        """p-value of each family that was tested."""
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
        return measure(self.case)

    def _weighed(
        self, synchrony: float | None, agreement: float | None
    ) -> tuple[dict[str, float | None], Weighing]:
        """The candidate's figures, with these of its tests, and what they say."""
        known = {"synchrony": synchrony, "agreement": agreement}
        return weigh_figures(self._measured | known, self.case, heavy=self.heavy)

    @cached_property
    def _evidence(self) -> tuple[dict[str, float | None], Weighing]:
        """All its figures and what they say."""
        synchrony = self._synchrony if self.given is None and not self.untested else None
        # Only what was tested can agree.
        clear = sum(p <= CLEAR for p in self.family_p.values())
        return self._weighed(
            synchrony.statistic if synchrony else None,
            float(clear) if len(self.family_p) >= 2 else None,
        )

    @cached_property
    def corroboration(self) -> Corroboration | None:
        """What other members shared that fits it. It counts only beside two families of evidence of its own."""
        return None if self.consent or self.given is not None else corroboration(self.case)

    def _at_best(self, weighing: Weighing, gain: float = 0.0) -> Weighing:
        """With so much more for it, and with what other members shared."""
        if self.corroboration is not None:
            gain += float(np.log10(self.corroboration.factor))
        return replace(weighing, log10_bayes_factor=weighing.log10_bayes_factor + gain)

    def _stands(self, part: Case, chosen_by: Sequence[str] = ()) -> bool:
        """Is a part of the group, by figures other than those, more probably extraction than not?"""
        # That a part is small is no sign that it is something else: the cut made it so.
        standing = alone(part, (*chosen_by, "size"), accounts=len(self.case.members))
        return standing.probability(self.case.population.settings.prior) >= MORE_THAN_NOT

    def _doubts(self) -> tuple[str, ...]:
        """Why it is not to be accused, whatever its figures are."""
        settings = self.case.population.settings
        if is_mixture(self.case, self._stands):
            return (MIXTURE,)
        if self.case.group.origin == SYSTEM_PROMPT:
            ties = tied(self.case)
            if ties.sum() < settings.group_accounts:
                return (UNTIED,)
            standing = alone(self.case.only(ties), FIGURES)
            if standing.probability(settings.prior) < settings.accuse_probability:
                return (UNTIED,)
        return ()

    def _doubts_of_the_rest(self, aside: Bools) -> tuple[str, ...]:
        """Why those are not to be accused who are left when some were put aside."""
        firm = self.case.group.firm
        rest = firm & ~aside
        if rest.sum() < self.case.population.settings.group_accounts:
            return (ASIDE,)
        # The group was weighed with all of them.
        if (firm & aside).sum() >= LEAST * firm.sum() and not self._stands(self.case.only(rest)):
            return (REST,)
        return ()

    def may_matter(self, settings: Settings) -> bool:
        """Could it be more than legitimate, whatever its tests were to find? They are dear, this is not."""
        if self.consent:
            return False
        if self.given is not None:
            # Of a single account nothing is tested that its figures depend on.
            return self._evidence[1].probability(settings.prior) >= settings.review_probability
        _, weighing = self._weighed(None, None)
        gain = most_to_gain(FROM_TESTS) * settings.power(len(self.case.members))
        if self._at_best(weighing, gain).probability(settings.prior) < settings.review_probability:
            return False
        # One test is cheaper than all of them together, and with it there is little left to be uncertain of.
        synchrony = self._synchrony.statistic if self._synchrony else None
        return any(
            self._at_best(self._weighed(synchrony, agreement)[1]).probability(settings.prior)
            >= settings.review_probability
            for agreement in (None, *map(float, range(len(FAMILIES) + 1)))
        )

    def judged(self, significant: frozenset[str], settings: Settings) -> Judged:
        """Weigh the candidate, given which families are significant over the scan."""
        figures, weighing = self._evidence
        corroborated = self.corroboration if len(significant) >= 2 else None
        if corroborated is not None:
            weighing = self._at_best(weighing)
        verdict, kind, probability = _verdict(weighing, significant, self.sufficient, settings)
        notes = self.notes
        nobody = aside = np.zeros(len(self.case.group.accounts), dtype=bool)
        if verdict == EXTRACTION:
            doubts = self._doubts()
            if not doubts and self.given is None:
                aside = put_aside(self.case)
                doubts = self._doubts_of_the_rest(aside)
                aside = nobody if doubts else aside
            if doubts:
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
            heavy=self.heavy,
            aside=aside,
            passed=self.passed,
            corroboration=corroborated,
        )
