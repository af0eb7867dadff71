"""Stage 4: groups of accounts by likeness of texts or system prompts and by infrastructure; who belongs to each and why."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from stillwatch.detection.cores import Cores
from stillwatch.detection.evidence import KINDS, Bools, Floats, Ints
from stillwatch.detection.nearness import ALIKE_TO_JOIN, Nearness
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import Similarity
from stillwatch.detection.tied import PROMPT_KINDS, both, drawn_exchanges, own_exchanges, share_of
from stillwatch.detection.view import View
from stillwatch.detection.workers import spread
from stillwatch.records import findings

TEXTS, SYSTEM_PROMPT, INFRASTRUCTURE, ONE_ACCOUNT = "texts", "system prompt", "infrastructure", "one account"
"""What forms a group."""
SIGNATURE_LIFT = 5.0
"""An object marks a group when members hold it this many times as often as others do."""
ITEM_KIND = KINDS.index("item")
ALIKE = 0.3
"""An account belongs by its texts when it is at least so near to the group as a share of what is typical there."""
LEAST_ALIKE = 0.001
"""Where people's texts have next to nothing in common, likeness is measured in multiples of this."""
FEW_TEXTS = 100
"""Texts of those most alike outside, below which everybody outside stands for them."""
MARK_SHARE = 0.03
"""A text object marks a group when at least this share of its accounts send it, three of them or more."""
CERTAIN = 0.5
"""Certainty from which an account belongs; below it is only suspected."""
BUSY = 3.5
"""Modified z-score of the logarithm of an account's volume from which it is another kind of account."""
EVEN = 0.5
"""The least spread of log volumes that is assumed in a group: less would be chance."""
FIRST = 1
"""So many groups are formed before processes are copied: what they ask of all accounts is there for all then."""
JOINS = 0.5
"""Share of the typical account's that an account outside has to send of a core's texts to join."""
NEAREST = 32
"""So many cores an account may join, those that it is nearest to. Among hundreds of thousands of accounts thousands of cores
are people of one language or subject, and everybody of the same is a little near to hundreds of them."""
FEWEST = 2
"""And so many of them."""
GROWN = 2.0
"""A group of more than this many times its core's accounts is formed anew around them: what marks a dozen people may be what
thousands of their language or subject say, and a campaign among these that is as near. What marks all of them tells these
apart; where nothing does, they are no group."""
ROUNDS, SAME = 3, 0.9
"""And anew, so many times, until this share of its accounts stays the same."""
BY_CHANCE = 0.01
"""An account belongs when so many of the group's texts are less probable than this for those most alike outside."""
ORDINARY = 0.8
"""Cores less alike than this, in multiples of what is usual for an account's core, are people of a language or subject."""
FRAGMENT = 0.7
"""Share of a group's members that a larger group must hold for it to be a fragment of that one."""


@dataclass(frozen=True)
class Group:
    """A candidate group at one view.

    `accounts` holds account codes in rising order; the other arrays run along it. `content_share` is the
    share of the account's exchanges with text that carry one of the group's text objects;
    `infrastructure_kinds` how many kinds of the group's infrastructure objects it holds. `exchanges` indexes
    the evidence's exchange arrays: the exchanges that carry a text object of the group.
    """

    origin: str  # TEXTS, SYSTEM_PROMPT, INFRASTRUCTURE or ONE_ACCOUNT
    accounts: Ints
    content_share: Floats
    infrastructure_kinds: Ints
    firm: Bools  # belongs by itself; others are linked only
    by_text: Bools  # its texts alone would choose it
    likeness: float  # how alike members' texts are, in multiples of what is usual for communities; 0 where texts formed none
    text_objects: Ints
    infrastructure_objects: Ints
    exchanges: Ints

    @property
    def members(self) -> Ints:
        """Codes of the accounts that belong."""
        return self.accounts[self.firm]

    def only(self, view: View, keep: Bools) -> "Group":
        """The group with those of its accounts that `keep` marks (along `accounts`)."""
        accounts = self.accounts[keep]
        return replace(
            self,
            accounts=accounts,
            content_share=self.content_share[keep],
            infrastructure_kinds=self.infrastructure_kinds[keep],
            firm=self.firm[keep],
            by_text=self.by_text[keep],
            exchanges=self.exchanges[np.isin(view.evidence.ex_acc[self.exchanges], accounts)],
        )


def _text_marks(
    view: View, accounts: Ints, settings: Settings, likest: Ints | None = None, origin: str = TEXTS
) -> tuple[Ints, Floats]:
    """Text objects that mark these accounts, and log10 of how many times as often they send them as others do.

    Counted is the mean share of an account's texts, so that every account weighs the same. Others are everybody outside
    and, where `likest` are given (those outside whose texts are most alike), these too: the more frequent use counts.
    So what a language or a subject brings with it marks nobody. A group of system prompts is marked by these alone.
    """
    n, outside = len(accounts), max(view.population - len(accounts), 1)
    objects, inside, holders = view.shares_of(accounts)
    beyond = (view.share_by_text[objects] - inside).clip(0)
    # Half a text of a typical account outside keeps what nobody else sends from being infinitely telling.
    elsewhere = (beyond + 0.5 / view.typical_texts) / (outside + 1)
    if likest is not None and len(likest):
        known, shares, _ = view.shares_of(likest)
        at = np.searchsorted(known, objects).clip(0, max(len(known) - 1, 0))
        near = np.where(known[at] == objects, shares[at], 0.0) if len(known) else np.zeros(len(objects))
        elsewhere = np.maximum(elsewhere, near / len(likest))
    lift = (inside / n) / elsewhere
    enough = holders >= max(settings.content_accounts, MARK_SHARE * n)
    kind = view.evidence.obj_kind[objects]
    marks = enough & (lift >= SIGNATURE_LIFT) & (kind != ITEM_KIND)
    if origin == SYSTEM_PROMPT:
        marks &= np.isin(kind, PROMPT_KINDS)
    return objects[marks], np.log10(lift[marks])


def infrastructure_marks(view: View, accounts: Ints, usable: Bools) -> Ints:
    """Infrastructure that mostly these accounts hold, two of them or more."""
    links = view.links_by_account.places(accounts)
    obj = view.link_obj[links[usable[view.link_obj[links]]]]
    objects, inside = np.unique(obj, return_counts=True)
    beyond = view.popularity[objects] - inside
    return np.asarray(objects[(inside >= 2) & (inside > beyond)])


def busy_from(volume: Floats, typical: Floats | float) -> Floats:
    """By row of logarithms of volumes: from where on one is far busier than the typical one, an outlier.

    Modified z-score (Iglewicz and Hoaglin 1993).
    """
    off = np.median(np.abs(volume - typical), axis=-1, keepdims=True)
    return np.asarray(typical + BUSY * np.maximum(1.4826 * off, EVEN))


def _certainty(view: View, core: Ints, who: Ints, tied: Ints, score: Floats) -> Floats:
    """Along `who`: how surely each takes part, in multiples of what is typical of the core.

    How telling its own texts are on average, times the logarithm of how many it sent, each beside the typical account's. Who
    sent one or two faintly similar texts may be of the same language or subject and nothing else. An account that is far
    busier than the others is not surer for it, and an outlier not one of them. `who`: rising, the owners of `tied` and the
    core.
    """
    owner = np.searchsorted(who, view.evidence.ex_acc[tied])
    sent = np.bincount(owner, minlength=len(who))
    telling = np.bincount(owner, weights=score, minlength=len(who)) / np.maximum(sent, 1)
    some = np.searchsorted(who, core)
    some = some[sent[some] > 0]
    if not len(some):
        return np.zeros(len(who))
    # Of a busy account a sample is looked at, which is no larger than a less busy one's.
    volume = np.log1p(sent * view.stands_for[who])
    usual = float(np.median(volume[some]))
    certain = telling / np.median(telling[some]) * np.minimum(volume / usual, 1.0)
    return np.asarray(np.where(volume < busy_from(volume[some], usual), certain, 0.0))


def kinds_held(view: View, infrastructure: Ints, everyone: Ints) -> Ints:
    """Along `everyone`: of how many kinds of these objects each account holds one."""
    links = view.links_by_object.places(infrastructure)
    kinds = np.unique(
        view.link_acc[links] * np.int64(len(KINDS)) + view.evidence.obj_kind[view.link_obj[links]]
    )
    linked, kind_count = np.unique(kinds // len(KINDS), return_counts=True)
    at = np.searchsorted(everyone, linked)
    known = (at < len(everyone)) & (everyone[np.minimum(at, len(everyone) - 1)] == linked)
    held = np.zeros(len(everyone), dtype=np.int64)
    held[at[known]] = kind_count[known]
    return held


def _rate_outside(view: View, core: Ints, likest: Ints, text: Ints, weight: Floats) -> float:
    """Share of their texts by which those most alike outside are tied to a core by chance, pulled up by half a text.

    Where these sent next to nothing: a draw of everybody outside.
    """
    if view.texts[likest].sum() >= FEW_TEXTS:
        others, tied = likest, own_exchanges(view, likest, text, weight)[0]
    else:
        others, tied = (
            np.setdiff1d(view.drawn.accounts, core, assume_unique=True),
            drawn_exchanges(view, text, weight),
        )
    sent = np.round(share_of(view, tied, others) * view.texts[others]).sum()
    return min(float((sent + 0.5) / (view.texts[others].sum() + 1)), 1.0)


def _by_texts(
    view: View,
    core: Ints,
    near: Nearness,
    beside: Ints,
    elsewhere: Floats,
    usual: float,
    usable: Bools,
    settings: Settings,
    origin: str,
) -> Group | None:
    """The group around a core of accounts whose texts are alike: who sends its texts belongs, wherever it was put.

    `beside`: the accounts, rising, that may join. `elsewhere`: by account, how near it is to the core that it was put into,
    if that is another one. `usual`: how near accounts are to their communities in this population.
    """
    text, weight = _text_marks(view, core, settings, near.likest, origin)
    if not len(text):
        return None
    tied, score = own_exchanges(view, core, text, weight)
    typical = float(np.median(share_of(view, tied, core)))
    if typical < settings.tie_share:
        return None
    # Who sends no more of such texts than those most alike outside belongs to nobody.
    rate = _rate_outside(view, core, near.likest, text, weight)
    outside = np.setdiff1d(beside, core, assume_unique=True)
    nearer = near.of(outside)
    outside = outside[(nearer >= ALIKE_TO_JOIN * near.typical) & (nearer > elsewhere[outside])]
    tied, score = both((tied, score), own_exchanges(view, outside, text, weight))
    owners = np.unique(view.evidence.ex_acc[tied])
    # All that follows is along these, and nobody else: who sends none of its texts has no part in it.
    who = np.union1d(owners, core)
    content = share_of(view, tied, who)
    inside = np.isin(who, core, assume_unique=True)
    texts = view.texts[who]
    sent = np.round(content * texts)
    chance = np.ones(len(who))
    some = sent > 0
    chance[some] = stats.binom.sf(sent[some] - 1, texts[some], rate)
    joins = ~inside & (content >= JOINS * typical) & (sent >= FEWEST) & (chance <= BY_CHANCE)
    stays = content >= max(settings.tie_share, 0.3 * typical)
    stays[inside] &= (near.within >= ALIKE * near.typical) & (chance[inside] <= BY_CHANCE)
    stays &= inside
    chosen = (stays | joins) & (_certainty(view, core, who, tied, score) >= CERTAIN)
    if not chosen.any():
        return None
    infrastructure = infrastructure_marks(view, who[chosen], usable)
    linked = np.unique(view.link_acc[view.links_by_object.places(infrastructure)])
    everyone = np.union1d(who[chosen | (inside & (content > 0))], linked)
    held = kinds_held(view, infrastructure, everyone)
    place = np.searchsorted(who, everyone).clip(max=len(who) - 1)
    known = who[place] == everyone
    by_text = known & chosen[place]
    # Who is linked may be one who was not looked at.
    unseen = np.setdiff1d(linked, np.union1d(core, outside), assume_unique=True)
    tied, _ = both((tied, score), own_exchanges(view, unseen, text, weight))
    part = share_of(view, tied, everyone)
    return Group(
        origin=origin,
        accounts=everyone,
        content_share=part,
        infrastructure_kinds=held,
        firm=by_text | (known & inside[place] & (part > 0) & (held >= 2)),
        by_text=by_text,
        likeness=near.typical / usual if origin == TEXTS else 0.0,
        text_objects=text,
        infrastructure_objects=infrastructure,
        exchanges=tied[np.isin(view.evidence.ex_acc[tied], everyone)],
    )


def _by_infrastructure(view: View, core: Ints, usable: Bools, settings: Settings) -> Group | None:
    """The group of a core that holds the same cards and addresses; its texts are described, and choose nobody."""
    infrastructure = infrastructure_marks(view, core, usable)
    held = kinds_held(view, infrastructure, core)
    firm = held >= 1
    if not firm.any():
        return None
    text: Ints = np.zeros(0, dtype=np.int64)
    weight = np.zeros(0)
    if settings.left_out != findings.CONTENT:
        text, weight = _text_marks(view, core[firm], settings)
    tied, _ = own_exchanges(view, core[firm], text, weight)
    who, share = view.text_share(tied)
    content = np.zeros(len(core))
    content[np.searchsorted(core, who)] = share
    return Group(
        origin=INFRASTRUCTURE,
        accounts=core[firm],
        content_share=content[firm],
        infrastructure_kinds=held[firm],
        firm=np.ones(int(firm.sum()), dtype=bool),
        by_text=np.zeros(int(firm.sum()), dtype=bool),
        likeness=0.0,
        text_objects=text,
        infrastructure_objects=infrastructure,
        exchanges=tied,
    )


def _much_the_same(some: Ints, others: Ints) -> bool:
    """Are nearly all accounts of either set (rising) among the other's?"""
    both = len(np.intersect1d(some, others, assume_unique=True))
    return both >= SAME * max(len(some), len(others))


def _text_groups(
    cores: Cores, origin: str, space: Similarity, communities: list[Ints], processes: int
) -> list[Group]:
    """Groups around communities of accounts whose texts (origin TEXTS) or system prompts (SYSTEM_PROMPT) are alike."""
    view, settings, usable = cores.view, cores.settings, cores.usable
    nearness = [Nearness.to(space, core) for core in communities]
    at_home = np.zeros(len(view.active))
    usual = np.zeros(len(view.active))
    for core, near in zip(communities, nearness, strict=True):
        at_home[core], usual[core] = near.within, near.typical
    # What is usual for an account of this population: language and subjects alone make accounts this alike.
    ordinary = max(float(np.median(usual[view.active])), LEAST_ALIKE) if view.active.any() else LEAST_ALIKE
    uncommon = [near for near in nearness if near.typical >= ORDINARY * ordinary]
    beside = space.closest([near.core for near in uncommon], NEAREST) if uncommon else []

    def form(number: int) -> Group | None:
        def around(near: Nearness) -> Group | None:
            may_join = beside[number]
            return _by_texts(view, near.core, near, may_join, at_home, ordinary, usable, settings, origin)

        near = uncommon[number]
        group = around(near)
        if group is None or len(group.members) <= GROWN * len(near.core):
            return group
        for _ in range(ROUNDS):
            core = group.members
            group = around(Nearness.to(space, core))
            if group is None or _much_the_same(group.members, core):
                break
        return group

    if processes > 1:
        view.settle()
    formed = dict(spread(form, len(uncommon), processes, first=FIRST))
    return [group for _, group in sorted(formed.items()) if group is not None]


def form_groups(cores: Cores, processes: int = 1) -> list[Group]:
    """Candidate groups of at least `settings.group_accounts` firm accounts, largest first."""
    view, settings = cores.view, cores.settings
    least = settings.group_accounts
    groups: list[Group] = []
    if settings.left_out != findings.CONTENT:
        groups = _text_groups(cores, TEXTS, cores.texts, cores.of_texts, processes)
    for core in cores.of_means:
        group = _by_infrastructure(view, core, cores.usable, settings) if len(core) >= least else None
        if group is not None:
            groups.append(group)
    groups = [g for g in groups if int(g.firm.sum()) >= least]
    groups.sort(key=lambda g: (-len(g.members), int(g.accounts[0])))
    return _without_fragments(groups, np.full(len(view.active), -1, dtype=np.int64))


def _without_fragments(groups: list[Group], owner: Ints) -> list[Group]:
    """Leave out groups most of whose members another has taken in already. Largest first in and out.

    `owner`: by account the number of a group that has it, -1 for none; those of other groups stand in it before.
    """
    kept: list[Group] = []
    first = int(owner.max(initial=-1)) + 1
    for group in groups:
        owners = owner[group.members]
        # Told apart, and not counted by number: there are as many numbers as groups.
        _, taken = np.unique(owners[owners >= 0], return_counts=True)
        if taken.max(initial=0) >= FRAGMENT * len(group.members):
            continue
        free = group.members[owners < 0]
        owner[free] = first + len(kept)
        kept.append(group)
    return kept


def prompt_communities(cores: Cores, others: list[Group], processes: int = 1) -> list[Group]:
    """Candidate groups of accounts whose system prompts are alike, but for those that a group of texts holds; largest first.

    A campaign may keep its template in the system prompt, in many wordings, and ask anything beside it.
    """
    view, settings = cores.view, cores.settings
    if settings.left_out == findings.CONTENT:
        return []
    groups = _text_groups(cores, SYSTEM_PROMPT, cores.prompts, cores.of_prompts, processes)
    groups = [g for g in groups if int(g.firm.sum()) >= settings.group_accounts]
    groups.sort(key=lambda g: (-len(g.members), int(g.accounts[0])))
    known = [g for g in others if g.origin == TEXTS]
    owner = np.full(len(view.active), -1, dtype=np.int64)
    for number, group in reversed(list(enumerate(known))):
        owner[group.members] = number
    return _without_fragments(groups, owner)
