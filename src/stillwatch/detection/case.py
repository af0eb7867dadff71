"""One candidate group with everything that a test may ask: its accounts, others' accounts, and rates outside.

Double dipping is avoided by families. A group is formed on text and infrastructure objects. So timing is
tested on its members as they are; infrastructure is tested on `by_content`, the accounts anywhere that the
group's texts alone would choose. Texts cannot be tested on whom they chose: everybody who uses a popular client uses it.
What is tested is whether those who send them, anywhere, hold infrastructure in common more often than strangers
(`behaviours/_sharing.py`); in a group that infrastructure alone holds together, the texts of those that it ties.
Rates come from accounts outside the group.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stillwatch.detection.evidence import KINDS, Bools, Floats, Ints, View
from stillwatch.detection.groups import Group
from stillwatch.detection.linking import linking_objects
from stillwatch.detection.settings import Settings
from stillwatch.records.sketches import MARKS

STRONG_KINDS = ("payment", "telephone", "mail", "credential", "signup", "address")


class Population:
    """What a view says of all accounts together, computed once for all its groups."""

    def __init__(self, view: View, settings: Settings, releases: dict[str, int]) -> None:
        """`releases`: model -> hour of its release."""
        self.view, self.settings, self.releases = view, settings, releases
        self.last_hour = int(view.ledger["hour"].max()) if len(view.ledger["hour"]) else 0

    @cached_property
    def linking(self) -> Bools:
        """By object code: may it link accounts?"""
        return linking_objects(self.view, self.settings)

    @cached_property
    def pairs_by_kind(self) -> dict[str, float]:
        """By kind of infrastructure: how many pairs of accounts share an object of it."""
        kind = self.view.evidence.obj_kind
        held = np.bincount(self.view.link_obj, minlength=len(kind)).astype(np.float64)
        pairs = np.where(self.linking, held * (held - 1) / 2, 0)
        by_kind = np.bincount(kind, weights=pairs, minlength=len(KINDS))
        return {name: float(by_kind[i]) for i, name in enumerate(KINDS)}

    @cached_property
    def infrastructure_component(self) -> Ints:
        """By account code: the component it belongs to when only strong infrastructure ties accounts."""
        view = self.view
        usable = self.linking & np.isin(view.evidence.obj_kind, [KINDS.index(k) for k in STRONG_KINDS])
        n = len(view.active)
        keep = usable[view.link_obj]
        rows, cols = view.link_acc[keep], view.link_obj[keep] + n
        size = n + len(view.evidence.obj_kind)
        graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, cols)), shape=(size, size))
        _, label = connected_components(graph, directed=False)
        return np.asarray(label[:n], dtype=np.int64)

    @cached_property
    def mark_share(self) -> dict[str, Floats]:
        """By mark: share of each account's texts that carry it."""
        texts = np.maximum(self.view.totals["texts"], 1)
        return {name: self.view.totals[f"mark_{name}"] / texts for name in MARKS}

    @cached_property
    def _first_block(self) -> int:
        hour = self.view.ledger["hour"]
        return int(hour.min()) // 24 * 8 if len(hour) else 0

    @cached_property
    def block(self) -> Ints:
        """Along the ledger: the block of three hours, from midnight of the first day."""
        return np.asarray(self.view.ledger["hour"] // 3 - self._first_block)

    @cached_property
    def blocks(self) -> int:
        """How many blocks of three hours there are, in whole days."""
        return 8 * (int(self.block.max()) // 8 + 1) if len(self.block) else 0

    @cached_property
    def exchanges_by_day(self) -> Floats:
        """Exchanges of everybody on each day."""
        return np.bincount(self.block // 8, weights=self.view.ledger["n"], minlength=self.blocks // 8).astype(
            np.float64
        )

    @cached_property
    def active_days(self) -> Ints:
        """By account: days with an exchange."""
        days = np.unique(self.view.ledger["acc"] * np.int64(1 << 20) + self.view.ledger["hour"] // 24) >> 20
        return np.bincount(days, minlength=len(self.view.active))

    @cached_property
    def rhythm(self) -> tuple[Floats, Bools]:
        """By account: strength of the daily rhythm (0 flat, 1 one hour only), and whether 12 hours or more show it.

        The length of the mean resultant vector of hours on the clock (Fisher 1993, section 2.3), corrected for the
        length that few flat hours have by chance. A shift of everybody's hours leaves it as it is.
        """
        ledger = self.view.ledger
        angle = 2 * np.pi * (ledger["hour"] % 24) / 24
        n = len(self.view.active)
        x = np.bincount(ledger["acc"], weights=ledger["n"] * np.cos(angle), minlength=n)
        y = np.bincount(ledger["acc"], weights=ledger["n"] * np.sin(angle), minlength=n)
        # Hours, not exchanges, are the independent draws: requests come in sittings.
        hours = np.bincount(ledger["acc"], minlength=n)
        square = (x**2 + y**2) / np.maximum(self.view.totals["n"], 1) ** 2
        by_chance = 1 / np.maximum(hours, 2)
        return np.sqrt(np.maximum((square - by_chance) / (1 - by_chance), 0)), np.asarray(hours >= 12)

    @cached_property
    def first_days(self) -> Floats:
        """By account: exchanges on the busiest of its first three days alive; 0 where creation is unknown."""
        view = self.view
        key, inverse = np.unique(
            view.ledger["acc"] * np.int64(1 << 20) + view.ledger["hour"] // 24, return_inverse=True
        )
        by_day = np.bincount(inverse, weights=view.ledger["n"])
        created = view.created[key >> 20]
        early = (created >= 0) & ((key & ((1 << 20) - 1)) - created // 24 <= 2)
        most = np.zeros(len(view.active))
        np.maximum.at(most, (key >> 20)[early], by_day[early])
        return most

    @cached_property
    def pivots(self) -> list[tuple[str, Bools, Bools]]:
        """For each release seen whole: model; accounts active before and after; those that moved 40% of a day to it."""
        view = self.view
        n = len(view.active)
        ledger = view.ledger
        found = []
        for model, released in sorted(self.releases.items()):
            if model not in view.evidence.models or released + 24 > min(view.until, self.last_hour + 1):
                continue
            acc, hour, count = view.evidence.models[model]
            soon = (hour >= released) & (hour < released + 24)
            moved = np.bincount(acc[soon], weights=count[soon], minlength=n)
            after = (ledger["hour"] >= released) & (ledger["hour"] < released + 24)
            before = (ledger["hour"] >= released - 72) & (ledger["hour"] < released)
            day = np.bincount(ledger["acc"][after], weights=ledger["n"][after], minlength=n)
            earlier = np.bincount(ledger["acc"][before], weights=ledger["n"][before], minlength=n)
            eligible = (day >= 2) & (earlier >= 2)
            found.append((model, eligible, eligible & (moved >= 0.4 * day)))
        return found

    @cached_property
    def repeated_item(self) -> tuple[Bools, Ints]:
        """For each exchange with a shared object: was its whole text sent by two accounts; and index of item pairs."""
        view = self.view
        kind = view.evidence.obj_kind
        repeated = np.zeros(len(view.evidence.ex_row), dtype=bool)
        item = kind[view.tie_obj] == KINDS.index("item")
        repeated[view.tie_ex[item]] = True
        return repeated, view.tie_ex[item]


@dataclass(frozen=True)
class Case:
    """A group under examination."""

    group: Group
    population: Population

    @property
    def view(self) -> View:
        """The evidence at this hour."""
        return self.population.view

    @cached_property
    def inside(self) -> Bools:
        """By account code: in the group, linked ones included."""
        mask = np.zeros(len(self.view.active), dtype=bool)
        mask[self.group.accounts] = True
        return mask

    @cached_property
    def members(self) -> Ints:
        """Codes of accounts that belong."""
        return self.group.members

    @cached_property
    def outside(self) -> Ints:
        """Codes of active accounts that have nothing to do with the group."""
        return np.flatnonzero(self.view.active & ~self.inside)

    @cached_property
    def typical_share(self) -> float:
        """Median share of members' texts that are the group's."""
        return float(np.median(self.group.content_share[self.group.firm]))

    @cached_property
    def textual(self) -> bool:
        """Do texts hold the group together?"""
        return self.typical_share >= self.population.settings.tie_share and len(self.group.text_objects) > 0

    @cached_property
    def users(self) -> Ints:
        """Accounts, anywhere, that spend 5% of their texts or more on a text object of the group."""
        pairs = self.view.accounts_by_text.places(self.group.text_objects)
        enough = self.view.share[pairs] >= self.population.settings.tie_share
        return np.unique(self.view.share_acc[pairs[enough]])

    @cached_property
    def by_content(self) -> Ints | None:
        """Accounts, anywhere, that the group's texts alone would choose; None when texts do not hold it together."""
        settings = self.population.settings
        if not self.textual:
            return None
        who, share = self.view.text_share(self.view.exchanges_with(self.group.text_objects))
        chosen = who[share >= max(settings.tie_share, 0.3 * self.typical_share)]
        return chosen if len(chosen) >= settings.group_accounts else None

    @cached_property
    def by_infrastructure(self) -> Ints | None:
        """Accounts, anywhere, in infrastructure-only components that hold four or more members.

        None when texts hold the group together: they chose its members, and so these components.
        """
        if self.textual:
            return None
        settings = self.population.settings
        component = self.population.infrastructure_component
        of_members = np.bincount(component[self.members])
        rooms = np.flatnonzero(of_members >= settings.group_accounts)
        chosen = np.flatnonzero(np.isin(component, rooms) & self.view.active)
        return chosen if len(chosen) >= settings.group_accounts else None

    @cached_property
    def exchanges_by_member(self) -> Floats:
        """Exchanges of each member, all kinds."""
        return self.view.totals["n"][self.members]

    def rate_outside(self, having: Bools) -> float:
        """Share of outside accounts with a property, pulled away from zero by half an account."""
        return float((having[self.outside].sum() + 0.5) / (len(self.outside) + 1.0))

    def generator(self, salt: int) -> np.random.Generator:
        """A generator that depends on the settings' seed and the group's size alone."""
        return np.random.default_rng([self.population.settings.seed, salt, len(self.members)])


def binomial_tail(successes: int, trials: int, rate: float) -> float:
    """P(X >= successes) for X ~ Binomial(trials, rate)."""
    return float(stats.binom.sf(successes - 1, trials, min(max(rate, 0.0), 1.0))) if trials else 1.0


def draw_tail(observed: float, drawn: Floats) -> float:
    """One-sided p-value of `observed` being so high among reference draws.

    Rank among the draws while it lies within them; beyond them an extrapolation by the tail of a Student distribution
    with the draws' mean and spread (5 degrees of freedom, heavier than normal). The figures drawn here are means over
    sets of accounts, near normal with a skewness below 1, for which that is cautious (tests/detection/test_case.py).
    For a strongly skewed figure it would not be.
    """
    rank = (1.0 + float((drawn >= observed).sum())) / (1.0 + len(drawn))
    if (drawn >= observed).any():
        return rank
    spread = float(drawn.std(ddof=1))
    if spread <= 0:
        return rank
    return min(rank, float(stats.t.sf((observed - float(drawn.mean())) / spread, 5)))
