"""One candidate group with everything that a test may ask: its accounts, others' accounts, and rates outside.

Double dipping is avoided by families. Texts or infrastructure form a group, timing neither. So timing is tested on its
members as they are, and of texts and infrastructure the one that took no part in forming it. The texts of a group that texts
formed are tested on a split sample (`behaviours/shared_template.py`). Rates come from accounts outside the group.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from scipy import sparse, stats

from stillwatch.detection.communities import Halves
from stillwatch.detection.cores import Cores
from stillwatch.detection.evidence import KINDS, Bools, Floats, Ints
from stillwatch.detection.groups import SYSTEM_PROMPT, TEXTS, Group
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.orders import Order, Pool, Roll, among
from stillwatch.detection.settings import Settings
from stillwatch.detection.traits import Trait, traits
from stillwatch.detection.view import View
from stillwatch.records.findings import CONTENT
from stillwatch.records.sketches import MARKS

Kept = TypeVar("Kept")


class Population:
    """What a view says of all accounts together, computed once for all its groups."""

    def __init__(
        self,
        view: View,
        settings: Settings,
        releases: dict[str, int],
        beyond: Bools | None = None,
        cores: Cores | None = None,
    ) -> None:
        """`releases`: model -> hour of its release; `beyond`: by account, beyond its consent (None: no agreements).

        `cores`: those of the view, where there are some.
        """
        self.view, self.settings, self.releases, self.beyond = view, settings, releases, beyond
        self.cores = cores or Cores(view, settings)
        self._kept: dict[str, Any] = {}
        self.first_hour = int(view.ledger["hour"].min()) if len(view.ledger["hour"]) else 0
        self.last_hour = int(view.ledger["hour"].max()) if len(view.ledger["hour"]) else 0

    def once(self, name: str, make: Callable[[], Kept]) -> Kept:
        """What is of this name, made when it is first asked for."""
        if name not in self._kept:
            self._kept[name] = make()
        found: Kept = self._kept[name]
        return found

    def settle(self) -> None:
        """Make what is large and what many groups ask for, before processes are copied that would each make their own."""
        if self.settings.left_out != CONTENT:
            self.halves.settle()
            _ = self.asked

    @cached_property
    def halves(self) -> Halves:
        """Every account's texts in two halves, with the communities that the first one forms."""
        return Halves.of(self.view, self.settings, self.cores.likening, self.cores.of_halves)

    @property
    def linking(self) -> Bools:
        """By object code: may it link accounts?"""
        return self.cores.usable

    @cached_property
    def pairs_by_kind(self) -> dict[str, float]:
        """By kind of infrastructure: how many pairs of accounts share an object of it."""
        kind = self.view.evidence.obj_kind
        held = np.bincount(self.view.link_obj, minlength=len(kind)).astype(np.float64)
        pairs = np.where(self.linking, held * (held - 1) / 2, 0)
        by_kind = np.bincount(kind, weights=pairs, minlength=len(KINDS))
        return {name: float(by_kind[i]) for i, name in enumerate(KINDS)}

    @cached_property
    def traits(self) -> dict[str, Trait]:
        """What accounts are or are not, by name."""
        return traits(self.view)

    @cached_property
    def address_rates(self) -> tuple[Ints, Floats, Floats, Ints]:
        """(stratum of volume and addresses an exchange, by account; sum of these and active accounts, by stratum)."""
        n, active = self.view.totals["n"], self.view.active
        stratum = np.round(2 * np.log2(np.maximum(n, 1))).astype(np.int64)
        each = self.view.novelty["address"] / np.maximum(n, 1)
        rates = np.bincount(stratum[active], weights=each[active])
        return stratum, np.asarray(each), np.asarray(rates, np.float64), np.bincount(stratum[active])

    @cached_property
    def rhythm_sums(self) -> tuple[float, float]:
        """Sums of `rhythm` over all accounts."""
        cosines, pairs = self.rhythm
        return float(cosines.sum()), float(pairs.sum())

    @cached_property
    def ends(self) -> tuple[Ints, Ints]:
        """Active accounts in order of their first exchange, and in order of their last, latest first."""
        active = np.flatnonzero(self.view.active)
        first, last = self.view.totals["first"][active], self.view.totals["last"][active]
        return active[np.argsort(first, kind="stable")], active[np.argsort(-last, kind="stable")]

    @cached_property
    def mark_share(self) -> dict[str, Floats]:
        """By mark: share of each account's texts that carry it."""
        texts = np.maximum(self.view.totals["texts"], 1)
        return {name: self.view.totals[f"mark_{name}"] / texts for name in MARKS}

    @cached_property
    def _own_day(self) -> Ints:
        """Along the ledger: days since the account's first hour, so that no clock and no time zone matters."""
        acc, hour = self.view.ledger["acc"], self.view.ledger["hour"]
        first = np.full(len(self.view.active), np.iinfo(np.int64).max)
        np.minimum.at(first, acc, hour)
        return np.asarray((hour - first[acc]) // 24)

    @cached_property
    def active_days(self) -> Ints:
        """By account: days with an exchange."""
        days = np.unique(self.view.ledger["acc"] * np.int64(1 << 20) + self._own_day) >> 20
        return np.bincount(days, minlength=len(self.view.active))

    @cached_property
    def rhythm(self) -> tuple[Floats, Floats]:
        """By account: (sum, number) of the cosines between its hours on different days, on a clock of 24 hours.

        Their mean is the squared length of the mean resultant vector (Fisher 1993, section 2.3), without bias however few
        hours there are; hours of one day are not compared, since they come in one sitting. A person who wakes
        and sleeps has about 0.2 to 0.6, a machine 0. A shift of all hours changes nothing.
        """
        ledger, n = self.view.ledger, len(self.view.active)
        turn = np.exp(2j * np.pi * (ledger["hour"] % 24) / 24)
        key, inverse = np.unique(ledger["acc"] * np.int64(1 << 20) + self._own_day, return_inverse=True)
        acc = key >> 20

        def sums(values: Floats) -> tuple[Floats, Floats]:
            of_day = np.bincount(inverse, weights=values, minlength=len(key))
            whole = np.bincount(acc, weights=of_day, minlength=n)
            return np.asarray(whole, np.float64), np.asarray(
                np.bincount(acc, weights=of_day**2, minlength=n), np.float64
            )

        x, x_days = sums(turn.real)
        y, y_days = sums(turn.imag)
        hours, hours_days = sums(np.ones(len(turn)))
        return x**2 - x_days + y**2 - y_days, hours**2 - hours_days

    @cached_property
    def first_days(self) -> Floats:
        """By account: exchanges on the busiest of its first three days, counted from creation; 0 where that is unknown."""
        view = self.view
        acc, created = view.ledger["acc"], view.created[view.ledger["acc"]]
        day = (view.ledger["hour"] - created) // 24
        early = (created >= 0) & (day <= 2)
        key, inverse = np.unique(
            acc[early] * np.int64(1 << 20) + day[early].clip(-(1 << 19)) + (1 << 19), return_inverse=True
        )
        by_day = np.bincount(inverse, weights=view.ledger["n"][early], minlength=len(key))
        most = np.zeros(len(view.active))
        np.maximum.at(most, key >> 20, by_day)
        return most

    @cached_property
    def pivots(self) -> list[tuple[str, Trait]]:
        """For each release seen whole: model; accounts that moved 40% of a day to it, of those active before and after."""
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
            found.append((model, Trait(eligible & (moved >= 0.4 * day), eligible, view.active)))
        return found

    @cached_property
    def repeated_item(self) -> Bools:
        """For each exchange with a shared object: was its whole text sent by two accounts?"""
        view = self.view
        found = view.seen & (view.evidence.ex_item >= 0)
        found[found] = view.evidence.obj_ready[view.evidence.ex_item[found]] < view.until
        return found

    @cached_property
    def long_item_exchanges(self) -> Ints:
        """Exchanges whose whole text two accounts sent, and that carry two sampled phrases or more."""
        return self.view.carrying_several(np.flatnonzero(self.repeated_item), "phrase", 2)

    @cached_property
    def long_items(self) -> tuple[Ints, Ints]:
        """Along `long_item_exchanges`: account and item."""
        evidence, sent = self.view.evidence, self.long_item_exchanges
        return evidence.ex_acc[sent], evidence.ex_item[sent]

    @cached_property
    def asked(self) -> sparse.csr_matrix:
        """Accounts x long items: 1 where the account sent it, however often."""
        acc, item = self.long_items
        _, column = np.unique(item, return_inverse=True)
        asked = sparse.csr_matrix(
            (np.ones(len(acc), np.int32), (acc, column)),
            shape=(len(self.view.active), int(column.max(initial=-1)) + 1),
        )
        asked.data[:] = 1
        return asked


@dataclass(frozen=True)
class Case:
    """A group under examination."""

    group: Group
    population: Population
    whole: Group | None = None
    """The group that this is a part of, if it is one: nobody of that is outside."""

    @property
    def view(self) -> View:
        """The evidence at this hour."""
        return self.population.view

    @property
    def inside(self) -> Ints:
        """Codes of the group's accounts (of the whole, for a part of one), linked ones included."""
        return (self.whole or self.group).accounts

    def has_inside(self, accounts: Ints) -> Bools:
        """Which of these accounts are `inside`?"""
        place = np.minimum(np.searchsorted(self.inside, accounts), len(self.inside) - 1)
        return np.asarray(self.inside[place] == accounts)

    @cached_property
    def everyone_inside(self) -> Ints:
        """Codes of the active accounts that are `inside`."""
        return self.inside[self.view.active[self.inside]]

    def left_outside(self, sums: tuple[float, float], *of: Floats | Bools) -> tuple[float, float]:
        """Sums over accounts outside, from those over all active ones; `of`: what is summed, by account."""
        one, other = (
            total - float(each[self.everyone_inside].sum()) for total, each in zip(sums, of, strict=True)
        )
        return one, other

    @cached_property
    def members(self) -> Ints:
        """Codes of accounts that belong."""
        return self.group.members

    def pool(self, name: str, figure: Callable[[], Floats], eligible: Callable[[], Bools]) -> Pool:
        """Accounts outside that are eligible, in order of a figure (both by account code).

        The order is made once for all cases; `name` tells it from others.
        """
        order = self.population.once(name, lambda: Order.of(figure(), self.view.active & eligible()))
        return order.without(self.everyone_inside)

    def roll(self, name: str, eligible: Callable[[], Bools]) -> Roll:
        """The same in order of codes: four bytes an account, for what is asked of many kinds."""
        codes = self.population.once(
            name, lambda: np.flatnonzero(self.view.active & eligible()).astype(np.int32)
        )
        return Roll(codes, among(codes, self.everyone_inside))

    @cached_property
    def days(self) -> int:
        """Days of the log, begun ones too: from the first to the last of accounts outside, or the members' own if more.

        A group in another time zone may reach beyond the others' first or last hour; this stays as it was.
        """
        # All but the group's own accounts are outside, so that one of so many is.
        first, last = (order[: len(self.inside) + 1] for order in self.population.ends)
        outside = np.concatenate([some[~self.has_inside(some)][:1] for some in (first, last)])
        return max(self._days_of(outside), self._days_of(self.members))

    def _days_of(self, accounts: Ints) -> int:
        """Days from the first hour of any of these accounts to the last of any."""
        if not len(accounts):
            return 0
        first, last = self.view.totals["first"][accounts].min(), self.view.totals["last"][accounts].max()
        return int(last // HOUR_US - first // HOUR_US) // 24 + 1

    @cached_property
    def typical_share(self) -> float:
        """Median share of members' texts that are the group's."""
        return float(np.median(self.group.content_share[self.group.firm]))

    def only(self, keep: Bools) -> "Case":
        """The case of those of the group's accounts that `keep` marks (along `group.accounts`)."""
        return Case(self.group.only(self.view, keep), self.population, self.whole or self.group)

    @cached_property
    def told_by_texts(self) -> bool:
        """Do the group's texts tell what its accounts did in it from the rest of what they did?"""
        return bool(len(self.group.exchanges)) and self.typical_share >= self.population.settings.tie_share

    @property
    def textual(self) -> bool:
        """Did the likeness of texts form the group, so that these tell what its accounts did in it?"""
        return self.group.origin == TEXTS

    @cached_property
    def by_content(self) -> Ints | None:
        """Members that texts or a system prompt alone choose; None when neither formed the group."""
        if self.group.origin not in (TEXTS, SYSTEM_PROMPT):
            return None
        return self.group.accounts[self.group.by_text]

    @cached_property
    def by_infrastructure(self) -> Ints | None:
        """Members of a group that infrastructure alone formed, or a single account; None when content did.

        Under the null their texts are draws of their own. Those whom content chose are not: one template is one draw,
        however many accounts repeat it.
        """
        return self.members if self.by_content is None else None

    @cached_property
    def own(self) -> Ints:
        """Exchanges of members that are built on the group's texts: the campaign itself, without what they relay."""
        owners = self.view.evidence.ex_acc[self.group.exchanges]
        return self.group.exchanges[np.isin(owners, self.members)]

    @cached_property
    def exchanges_by_account(self) -> Floats:
        """Exchanges of the campaign along `group.accounts`; all that an account did where no text tells them apart."""
        accounts = self.group.accounts
        if not self.told_by_texts:
            return np.asarray(self.view.totals["n"][accounts])
        tied = self.sent_by(accounts, self.group.exchanges)
        return np.asarray(tied * self.view.stands_for[accounts], dtype=np.float64)

    @cached_property
    def exchanges_by_member(self) -> Floats:
        """Exchanges of each member: its own of the campaign where texts formed the group, else all."""
        if not self.textual:
            return self.view.totals["n"][self.members]
        return self.sent_by(self.members, self.own).astype(np.float64)

    def sent_by(self, accounts: Ints, exchanges: Ints) -> Ints:
        """Along these accounts (rising): how many of these exchanges, none of anybody else's, each sent."""
        owner = np.searchsorted(accounts, self.view.evidence.ex_acc[exchanges])
        return np.bincount(owner, minlength=len(accounts))

    @property
    def others(self) -> int:
        """How many active accounts are outside: have nothing to do with the group."""
        return self.view.population - len(self.everyone_inside)

    def counts_outside(self, trait: Trait) -> tuple[int, int]:
        """(accounts outside that have a trait, those of which it is known)."""
        having, known = self.left_outside(trait.sums, trait.having, trait.known)
        return round(having), round(known)

    def rate_outside(self, trait: Trait) -> float:
        """Share of outside accounts with a trait, pulled away from zero by half an account."""
        return (self.counts_outside(trait)[0] + 0.5) / (self.others + 1.0)

    def generator(self, salt: int) -> np.random.Generator:
        """A generator that depends on the settings' seed and the group's size alone."""
        return np.random.default_rng([self.population.settings.seed, salt, len(self.members)])


def binomial_tail(successes: int, trials: int, rate: float) -> float:
    """P(X >= successes) for X ~ Binomial(trials, rate)."""
    if successes <= 0 or not trials:
        return 1.0
    return float(stats.binom.sf(successes - 1, trials, min(max(rate, 0.0), 1.0)))


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
