"""Stage 7: verdicts. Pure functions of a view: the same view gives the same verdicts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from stillwatch.detection.agreements import Agreement, Coverage, cover
from stillwatch.detection.applications import prompt_groups
from stillwatch.detection.behaviours import Observation
from stillwatch.detection.candidates import Candidate, Judged
from stillwatch.detection.case import Case, Population
from stillwatch.detection.cores import Cores
from stillwatch.detection.evidence import Bools, Ints
from stillwatch.detection.groups import Group, form_groups, prompt_communities
from stillwatch.detection.settings import Settings
from stillwatch.detection.significance import levels, speaking
from stillwatch.detection.similarity import Likening, vectors
from stillwatch.detection.singles import VOLUME, heavy_singles
from stillwatch.detection.view import View
from stillwatch.detection.workers import spread

GENEROUS = 0.05
"""Where a group could not come to a review even at this prior, whatever its tests said, they are left out."""
ALONE = 2
"""So many groups, the largest, are judged before processes are copied: what they ask of everybody is there for all then."""
ALLOWED = {"evaluation": "evaluation", "research": "evaluation", "resale": "reseller"}
"""Kind of use that an agreement of another purpose than distillation covers."""


def _consent(formed: Case, whole: Bools, coverage: Coverage, least: int) -> tuple[Group, bool, str | None]:
    """The group without accounts that agreements to distil cover, whether consent settles it, and who was left out.

    `whole`: by account code, is all that it did covered? One partner in a campaign does not clear the others. Only where
    fewer than `least` members are left without consent is what remains the covered ones, and authorised; the few others are
    in no group.
    """
    view, group = formed.view, formed.group
    covered = whole[group.accounts]
    if formed.told_by_texts:
        # What an account did in the group is what has to be covered, whatever else it asked.
        covered |= coverage.of_these("distillation", group.accounts, group.exchanges)
    others = int((group.firm & ~covered).sum())
    if not covered.any():
        return group, False, None
    if others >= least or not (group.firm & covered).any():
        left = f"{int(covered.sum())} accounts left out: an agreement covers them."
        return group.only(view, ~covered), False, left
    left = f"{others} accounts left out: no agreement covers them, and they are too few for a group."
    return group.only(view, covered), True, left if others else None


def _name(group: Group) -> bytes:
    """The same for two groups of the same accounts, and for no others."""
    return group.accounts.astype(np.int64).tobytes()


class _Docket:
    """Everything in a view that is to be judged."""

    def __init__(
        self,
        view: View,
        agreements: list[Agreement],
        releases: Mapping[str, int],
        settings: Settings,
        likening: Likening,
        processes: int,
    ) -> None:
        self.view, self.settings = view, settings
        self.coverage = cover(agreements, view.evidence, view.until)
        self.covered = self.coverage.of("distillation", view.totals["n"])
        beyond = self.coverage.beyond if agreements else None
        cores = Cores(view, settings, likening)
        cores.find(processes)
        self.population = Population(view, settings, dict(releases), beyond, cores)
        self.allowed = {kind: np.zeros(len(view.active), dtype=bool) for kind in ALLOWED.values()}
        for purpose, kind in ALLOWED.items():
            self.allowed[kind] |= self.coverage.of(purpose, view.totals["n"])
        self.formed = form_groups(cores, processes)
        self.prompted = prompt_communities(cores, self.formed, processes)

    def _after_consent(
        self, formed: Group, least: int, given: Mapping[str, Observation] | None = None
    ) -> tuple[Group, list[Candidate]]:
        """What consent leaves of a group, and that as a candidate where it is still a group."""
        group, consent, left_out = _consent(Case(formed, self.population), self.covered, self.coverage, least)
        if not consent and len(group.members) < least:
            return group, []
        kinds = frozenset(kind for kind, of in self.allowed.items() if of[group.members].all())
        notes = () if left_out is None else (left_out,)
        passed = self.coverage.passed(group.members)
        return group, [Candidate(Case(group, self.population), consent, kinds, notes, given, passed)]

    def groups(self) -> list[Candidate]:
        """Groups that texts or infrastructure formed, largest first, and then single accounts."""
        view = self.view
        found: list[Candidate] = []
        taken = np.zeros(len(view.active), dtype=bool)
        for formed in self.formed:
            group, candidate = self._after_consent(formed, self.settings.group_accounts)
            taken[group.members] = True
            taken[formed.members] |= self.covered[formed.members]
            found += candidate
        for formed, given in heavy_singles(self.population, taken):
            single = self._after_consent(formed, 1, given)[1]
            # Of those who are examined for nothing but their volume such are kept as stand out, or somebody should look at.
            marked, volume = given.keys() != {VOLUME}, given.get(VOLUME)
            stands_out = volume is not None and volume.p_value is not None and volume.supports
            found += [c for c in single if marked or stands_out or c.may_matter(self.settings)]
        return found

    def among(self, formed: Group, keep: Bools, known: Collection[bytes]) -> list[Candidate]:
        """A group of those accounts of another that `keep` marks (along its accounts), if they are enough for one.

        And not one of those that are `known`, by `_name`.
        """
        rest = formed.only(self.view, keep)
        least = self.settings.group_accounts
        if len(rest.members) < least:
            return []
        group, candidates = self._after_consent(rest, least)
        return [] if _name(group) in known else candidates

    def applications(self, accused: Bools, known: Sequence[Group]) -> list[Candidate]:
        """Groups of one system prompt, without accounts that are accused otherwise, and not those that are `known`."""
        seen = set(map(_name, known))
        found: list[Candidate] = []
        for formed in prompt_groups(self.population.cores, [*self.formed, *known], accused):
            group, candidate = self._after_consent(formed, self.settings.group_accounts)
            # Consent may have cut it to a set of accounts that has a row already.
            if _name(group) not in seen:
                seen.add(_name(group))
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
    likening: Likening = vectors,
    processes: int = 1,
    told: Callable[[int, int], None] = lambda done, all_of_them: None,
) -> list[Judged]:
    """Form, test and weigh the groups of a view: largest first, then single accounts, system prompts, applications' users.

    Groups that no test could make more than legitimate are judged without their tests, which are dear. With `about` (sets of
    account codes) only groups that could be accused and hold half of one of the sets are handed out, with the same verdicts.
    `brief` leaves out those without tests, for looks that ask who is accused or reviewed. `likening` says which accounts
    are alike in what they ask. Groups are formed and judged on so many `processes`, which changes no verdict. `told` hears
    how many groups are judged, of how many that texts or infrastructure formed.
    """
    docket = _Docket(view, agreements, releases, settings, likening, processes)
    candidates = docket.groups()
    # Only what could be accused is a hypothesis: not single accounts, not what consent covers, and not what did next to
    # nothing.
    tested = [c for c in candidates if c.given is None and c.sufficient and not c.consent]
    sizes = [len(c.case.members) for c in tested] + [len(group.members) for group in docket.prompted]
    error = settings.family_wise_error / settings.planned_scans
    level = dict(zip(map(id, [*tested, *docket.prompted]), levels(sizes, error), strict=True))

    def wanted(accounts: Ints) -> bool:
        return about is None or any(holds_half(accounts, one) for one in about)

    # Who is accused otherwise is left out of a group of system prompts, so that has to be known, of earlier ones too.
    prompted: list[Group] = []
    beside = np.zeros(len(view.active), dtype=bool)
    for group in reversed(docket.prompted):
        if wanted(group.accounts) or beside[group.accounts].any():
            prompted.insert(0, group)
            beside[group.accounts] = True
    found: list[Judged] = []
    accused = np.zeros(len(view.active), dtype=bool)

    # The evidence of a group does not depend on the prior, and another one may be put in later.
    generous = replace(settings, prior=max(settings.prior, GENEROUS))

    def judge_one(c: Candidate, error: float | None) -> Judged | None:
        if (brief or c.given is None) and not c.may_matter(settings):
            if brief:
                return None
            if not c.may_matter(generous):
                c.leave_out_tests()
        significant = frozenset() if error is None else speaking(c.family_p, error)
        return c.judged(significant, settings)

    def keep(judged: Judged | None) -> None:
        if judged is not None:
            found.append(judged)
            accused[judged.group.accounts[judged.accused]] = True

    if processes > 1:
        # For some group of any large scan, and large: once for all processes.
        docket.population.settle()

    def judge_all(chosen: Sequence[Candidate], told: Callable[[int, int], None]) -> None:
        judged: dict[int, Judged | None] = {}
        work = spread(
            lambda number: judge_one(chosen[number], level.get(id(chosen[number]))),
            len(chosen),
            processes,
            # A group comes back with what was found of it, and not with its accounts.
            [docket.population, *(c.case for c in chosen)],
            first=ALONE,
        )
        for number, one in work:
            judged[number] = one
            told(len(judged), len(chosen))
        for number in range(len(chosen)):
            keep(judged[number])

    judge_all(
        [
            c
            for c in candidates
            if wanted(c.case.group.accounts) or (c.given is None and beside[c.case.group.accounts].any())
        ],
        told,
    )
    known = [c.case.group for c in candidates]
    named = set(map(_name, known))
    for group in prompted:
        for c in docket.among(group, ~accused[group.accounts], named):
            known.append(c.case.group)
            named.add(_name(c.case.group))
            keep(judge_one(c, level[id(group)]))
    if about is not None:
        return [judged for judged in found if wanted(judged.group.accounts)]
    # Nobody chose an application's users one by one, so their group is no hypothesis, and never accused.
    judge_all(docket.applications(accused, known), lambda done, every: None)
    return found


def holds_half(members: Ints, accounts: Ints) -> bool:
    """Are at least half of `accounts` among `members`?"""
    return 2 * int(np.isin(accounts, members, assume_unique=True).sum()) >= len(accounts)
