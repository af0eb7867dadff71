"""How right each blinded source was so far, as this member alone sees it. None of it leaves the node.

A source is a pseudonym. Of each the member records outcomes: objects that turned out right or wrong. The share of right ones
has a Beta prior that all sources together give (empirical Bayes: Morris, 1983; the moments of the beta-binomial, Kleinman,
1973), so that a pseudonym of a new epoch, of which nothing is known, starts where the forum as a whole stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stillwatch.node.store import Store, now_us
from stillwatch.records.errors import InputError

UNSIGNED = "unsigned"
"""The source of everything that came without a signature: nobody can be blamed or praised for it."""

WEAKEST, STRONGEST = 2.0, 50.0
"""Bounds of the prior's weight in outcomes: a uniform prior's, and few enough for a source's own record to show."""


MOST_OUTCOMES = 10
"""Of one source in the prior of all: from there on its own record says what there is to say of it."""


@dataclass(frozen=True)
class Prior:
    """Beta prior of a source's share of right objects: `right` and `wrong` pseudo-counts."""

    right: float
    wrong: float


@dataclass(frozen=True)
class Score:
    """One source: outcomes, and mean and 90% interval of its share of right objects."""

    source: str
    right: int
    wrong: int
    mean: float
    low: float
    high: float
    objects: int


def pooled(counts: Mapping[str, tuple[int, int]]) -> Prior:
    """The prior that (right, wrong) counts of all sources give. Without any it is uniform.

    A source weighs as MOST_OUTCOMES at most: who says very much must not set what is thought of everybody else.
    """
    # Share of right ones, outcomes, and weight of each source.
    known = [(r / (r + w), r + w, min(r + w, MOST_OUTCOMES)) for r, w in counts.values() if r + w]
    total = sum(weight for *_, weight in known)
    # One pseudo-outcome of either kind keeps the mean away from 0 and 1.
    mean = (sum(share * weight for share, _, weight in known) + 1) / (total + 2)
    noise = mean * (1 - mean)
    spread = sum(weight * (share - mean) ** 2 for share, _, weight in known) / noise
    # What the spread is on the mean where sources are all alike, and where each is always right or always wrong.
    alike = sum(weight / n * (1 - weight / total) for _, n, weight in known)
    apart = sum(weight * (1 - weight / total) for *_, weight in known)
    # Of one source alone nothing is known of how far they differ.
    prior = WEAKEST
    if len(known) >= 2:
        # Kleinman's moment estimate of the intra-class correlation, and the prior's weight that it stands for.
        between = (spread - alike) / (apart - alike) if apart > alike else 0.0
        prior = STRONGEST if between <= 0 else min(max(1 / min(between, 1.0) - 1, WEAKEST), STRONGEST)
    return Prior(mean * prior, (1 - mean) * prior)


def mean_of(prior: Prior, right: int, wrong: int) -> float:
    """Posterior mean."""
    return (prior.right + right) / (prior.right + prior.wrong + right + wrong)


class Sources:
    """The scores of one node."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, stix_id: str, *, right: bool, origin: str = "member") -> str:
        """Record how an object turned out, in the place of what was recorded before; its source. Raises InputError."""
        row = self._store.one(
            "SELECT pseudonym, own FROM received WHERE stix_id = ? AND settled = 1 ORDER BY version DESC LIMIT 1",
            (stix_id,),
        )
        if row is None or row["own"]:
            raise InputError(
                "no object of this id was received from others",
                where=stix_id,
                mend="give the id of one that was",
            )
        source = row["pseudonym"] or UNSIGNED
        with self._store.writing():
            self._store.run(
                "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET source = excluded.source,"
                " was_right = excluded.was_right, at = excluded.at, origin = excluded.origin",
                (stix_id, source, int(right), now_us(), origin),
            )
        return source

    def counts(self) -> dict[str, tuple[int, int]]:
        """(right, wrong) of each source with outcomes."""
        rows = self._store.all(
            "SELECT source, SUM(was_right), SUM(1 - was_right) FROM outcomes GROUP BY source"
        )
        return {source: (right, wrong) for source, right, wrong in rows}

    def means(self) -> tuple[dict[str, float], float]:
        """The mean of each source with outcomes, and that of all others."""
        counts = self.counts()
        prior = pooled(counts)
        return {name: mean_of(prior, *each) for name, each in counts.items()}, mean_of(prior, 0, 0)

    def wrong_ids(self) -> set[str]:
        """Objects that this member found wrong."""
        return {row[0] for row in self._store.all("SELECT id FROM outcomes WHERE was_right = 0")}

    def all(self) -> list[Score]:
        """Every source that anything was received from, the best first."""
        from scipy.special import betaincinv

        counts = self.counts()
        prior = pooled(counts)
        seen = {
            row[0]: int(row[1])
            for row in self._store.all(
                "SELECT COALESCE(pseudonym, ?), COUNT(DISTINCT stix_id) FROM received"
                " WHERE own = 0 AND settled = 1 AND erased = 0 GROUP BY 1",
                (UNSIGNED,),
            )
        }
        found = []
        for source in sorted(counts.keys() | seen.keys()):
            right, wrong = counts.get(source, (0, 0))
            a, b = prior.right + right, prior.wrong + wrong
            low, high = (float(betaincinv(a, b, q)) for q in (0.05, 0.95))
            found.append(Score(source, right, wrong, a / (a + b), low, high, seen.get(source, 0)))
        return sorted(found, key=lambda score: (-score.mean, score.source))
