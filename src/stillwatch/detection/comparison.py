"""Two runs over the same accounts, held against each other: which groups, verdicts and figures differ.

Groups are matched by their accounts. The Jaccard similarity of two groups is the share of the accounts of either that
are in both; from one half on they are the same group, seen twice.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import compress
from typing import Any

from stillwatch.detection.candidates import Judged
from stillwatch.detection.explanation.narrate import campaign_id
from stillwatch.records.findings import VERDICTS

ALIKE = Fraction(1, 2)
"""Groups whose accounts have this Jaccard similarity or more are the same group."""


@dataclass(frozen=True)
class Seen:
    """A group as one run saw it."""

    campaign_id: str
    accounts: frozenset[str]
    accused: frozenset[str]
    verdict: str
    kind_of_use: str
    probability: float
    log10_bayes_factor: float
    families: frozenset[str] = frozenset()  # significant ones
    p_values: Mapping[str, float] = field(default_factory=dict)  # by family that was tested
    figures: Mapping[str, float | None] = field(default_factory=dict)  # by feature of rivals.yaml

    def as_dict(self) -> dict[str, Any]:
        """Its row without the accounts."""
        return {
            "campaign_id": self.campaign_id,
            "verdict": self.verdict,
            "kind_of_use": self.kind_of_use,
            "probability": self.probability,
            "log10_bayes_factor": self.log10_bayes_factor,
            "accounts": len(self.accounts),
            "accused": len(self.accused),
            "families": sorted(self.families),
        }


def seen(judged: Judged) -> Seen:
    """What a comparison reads of a judged group."""
    ids = [str(name) for name in judged.case.view.evidence.accounts.ids[judged.group.accounts]]
    return Seen(
        campaign_id=campaign_id(ids),
        accounts=frozenset(ids),
        accused=frozenset(compress(ids, judged.accused)),
        verdict=judged.verdict,
        kind_of_use=judged.kind_of_use,
        probability=judged.probability,
        log10_bayes_factor=judged.weighing.log10_bayes_factor,
        families=judged.significant,
        p_values=dict(judged.family_p),
        figures=dict(judged.figures),
    )


def jaccard(one: frozenset[str], other: frozenset[str]) -> Fraction:
    """Accounts in both as a share of those in either, exactly; 0 for two empty sets."""
    either = len(one | other)
    return Fraction(len(one & other), either) if either else Fraction(0)


def match(a: Sequence[frozenset[str]], b: Sequence[frozenset[str]]) -> list[tuple[int, int]]:
    """Places of groups of `a` and of `b` that are the same group: the most alike first, each in one pair at most.

    No two groups are left that are alike and both without a pair. Among equally alike pairs the order of their accounts
    decides, so that neither the order of groups nor which run is called A matters. Only groups that share an account
    are compared.
    """
    holders: dict[str, list[int]] = {}
    for j, accounts in enumerate(b):
        for account in accounts:
            holders.setdefault(account, []).append(j)
    found = []
    for i, accounts in enumerate(a):
        for j in {j for account in accounts for j in holders.get(account, ())}:
            alike = jaccard(accounts, b[j])
            if alike >= ALIKE:
                names = sorted((sorted(accounts), sorted(b[j])))
                found.append((-alike, names, i, j))
    pairs: list[tuple[int, int]] = []
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    for _, _, i, j in sorted(found):
        if i not in taken_a and j not in taken_b:
            pairs.append((i, j))
            taken_a.add(i)
            taken_b.add(j)
    return pairs


@dataclass(frozen=True)
class Change:
    """One group in both runs, and what of it differs."""

    a: Seen
    b: Seen

    @property
    def verdict(self) -> bool:
        """Do the verdicts differ?"""
        return self.a.verdict != self.b.verdict

    @cached_property
    def differs(self) -> dict[str, Any]:
        """By name what differs, as [in A, in B]; accounts and families as lists of those in one only."""
        a, b = self.a, self.b
        told: dict[str, Any] = {}
        if a.accounts != b.accounts:
            told["accounts"] = _sides(a.accounts, b.accounts)
        for name in ("verdict", "kind_of_use"):
            if getattr(a, name) != getattr(b, name):
                told[name] = [getattr(a, name), getattr(b, name)]
        for name in ("probability", "log10_bayes_factor"):
            if _moved(getattr(a, name), getattr(b, name)):
                told[name] = [getattr(a, name), getattr(b, name)]
        if a.families != b.families:
            told["families"] = {
                **_sides(a.families, b.families),
                # The tests may say the same, and the number of groups or the level have changed.
                "p_values": {
                    name: [a.p_values.get(name), b.p_values.get(name)]
                    for name in sorted(a.families ^ b.families)
                },
            }
        figures = {
            name: [a.figures.get(name), b.figures.get(name)]
            for name in sorted({*a.figures, *b.figures})
            if _moved(a.figures.get(name), b.figures.get(name))
        }
        return told | ({"figures": figures} if figures else {})

    def as_dict(self) -> dict[str, Any]:
        """The group as both saw it, and what differs."""
        return {"a": self.a.as_dict(), "b": self.b.as_dict(), "differs": self.differs}


@dataclass(frozen=True)
class Comparison:
    """What run B says otherwise than run A."""

    only_a: tuple[Seen, ...]
    only_b: tuple[Seen, ...]
    matched: tuple[Change, ...]
    """Groups that both have, whether or not anything of them differs."""
    verdicts: tuple[Mapping[str, int], Mapping[str, int]]
    accused: tuple[frozenset[str], frozenset[str]]

    @cached_property
    def changed(self) -> list[Change]:
        """Groups in both of which something differs."""
        return [pair for pair in self.matched if pair.differs]

    @property
    def accused_only_a(self) -> list[str]:
        """Accounts that A accuses and B does not."""
        return sorted(self.accused[0] - self.accused[1])

    @property
    def accused_only_b(self) -> list[str]:
        """Accounts that B accuses and A does not."""
        return sorted(self.accused[1] - self.accused[0])

    def brief(self) -> dict[str, Any]:
        """Counts alone."""
        return {
            "verdicts": {"a": dict(self.verdicts[0]), "b": dict(self.verdicts[1])},
            "accused": {
                "a": len(self.accused[0]),
                "b": len(self.accused[1]),
                "only_a": len(self.accused_only_a),
                "only_b": len(self.accused_only_b),
            },
            "groups": {
                "only_a": len(self.only_a),
                "only_b": len(self.only_b),
                "same": len(self.matched) - len(self.changed),
                "changed": len(self.changed),
                "verdict_changed": sum(pair.verdict for pair in self.matched),
            },
        }

    def as_dict(self) -> dict[str, Any]:
        """Counts, the groups that differ, and the accounts that one alone accuses."""
        return {
            **self.brief(),
            "only_a": [group.as_dict() for group in self.only_a],
            "only_b": [group.as_dict() for group in self.only_b],
            "changed": [pair.as_dict() for pair in self.changed],
            "accused_only_a": self.accused_only_a,
            "accused_only_b": self.accused_only_b,
        }

    def sentence(self, a: str, b: str) -> str:
        """The difference in one line; `a` and `b` are what the two are called."""
        counts = self.brief()
        accused, groups = counts["accused"], counts["groups"]
        if not (groups["only_a"] or groups["only_b"] or groups["changed"]):
            return f"No difference between {a} and {b}."
        return (
            f"Accounts accused: {accused['a']:,} under {a} ({accused['only_a']:,} of them only there) and"
            f" {accused['b']:,} under {b} ({accused['only_b']:,} only there). Groups in both: {len(self.matched):,},"
            f" of which {groups['verdict_changed']:,} with another verdict and {groups['changed']:,} with any"
            f" difference; only under {a}: {groups['only_a']:,}, only under {b}: {groups['only_b']:,}."
        )


def compare(a: Sequence[Seen], b: Sequence[Seen]) -> Comparison:
    """Hold run B against run A; groups in the order of their verdicts and evidence."""
    a, b = sorted(a, key=_order), sorted(b, key=_order)
    pairs = sorted(match([g.accounts for g in a], [g.accounts for g in b]))
    in_a, in_b = {i for i, _ in pairs}, {j for _, j in pairs}

    def everybody(groups: Sequence[Seen]) -> frozenset[str]:
        return frozenset(account for group in groups for account in group.accused)

    def by_verdict(groups: Sequence[Seen]) -> Mapping[str, int]:
        counts = Counter(group.verdict for group in groups)
        return {verdict: counts[verdict] for verdict in VERDICTS}

    return Comparison(
        only_a=tuple(group for i, group in enumerate(a) if i not in in_a),
        only_b=tuple(group for j, group in enumerate(b) if j not in in_b),
        matched=tuple(Change(a[i], b[j]) for i, j in pairs),
        verdicts=(by_verdict(a), by_verdict(b)),
        accused=(everybody(a), everybody(b)),
    )


def _order(group: Seen) -> tuple[int, float, str]:
    return VERDICTS.index(group.verdict), -group.log10_bayes_factor, group.campaign_id


def _sides(a: frozenset[str], b: frozenset[str]) -> dict[str, list[str]]:
    return {"only_a": sorted(a - b), "only_b": sorted(b - a)}


def _moved(a: float | None, b: float | None) -> bool:
    """Is it another figure? Differences that come of the order of a sum are none."""
    if a is None or b is None:
        return a is not b
    return not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
