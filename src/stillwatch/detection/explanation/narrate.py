"""From a judged group to rows for the tables and a story for the report, in plain words with figures."""

import hashlib
import ipaddress
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime

import numpy as np

from stillwatch.detection.agreements import Passed
from stillwatch.detection.behaviours import REGISTRY
from stillwatch.detection.candidates import Judged
from stillwatch.detection.evidence import KINDS, N_CONTENT, Ints
from stillwatch.detection.explanation.carrying import sentences
from stillwatch.detection.explanation.exemplars import exemplars
from stillwatch.detection.explanation.redaction import redact
from stillwatch.detection.explanation.statement import KIND_WORDS, noted, statement
from stillwatch.detection.explanation.story import Rival, SharedThing, Story
from stillwatch.detection.explanation.wording import multiple, plural
from stillwatch.detection.outside import Corroboration
from stillwatch.detection.rivals import Feature, features
from stillwatch.detection.roles import roles
from stillwatch.detection.texts import Found, Wanted
from stillwatch.records.findings import FAMILIES, INFRASTRUCTURE, OUTSIDE, Campaign, Member, Reason

THING_WORDS = {
    "payment": "payment", "telephone": "telephone", "mail": "mail", "signup": "sign-up address", "address": "address",
    "fingerprint": "fingerprint", "client": "client", "credential": "credential", "system": "system prompt",
    "system_phrase": "system prompt",
    "block": "replayed block",
}  # fmt: skip
SHOWN_THINGS = 12
SHOWN_ACCOUNTS = 60
TOGETHER = 64
"""Cards that are written at a time: what they hold while they wait for texts is of the size of their groups."""
WEIGHTY = 0.15
"""Features whose log10 weight is at least this are worth a reason of their own."""


def campaign_id(accounts: Sequence[str]) -> str:
    """An id that depends on the accounts alone: the same group has the same id in every scan."""
    digest = hashlib.blake2b("\n".join(sorted(accounts)).encode(), digest_size=8, person=b"stillwatch-group")
    return f"group-{digest.hexdigest()}"


def _when(microseconds: float) -> datetime:
    seconds, rest = divmod(int(microseconds), 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def _span(judged: Judged) -> tuple[datetime, datetime]:
    view, group = judged.case.view, judged.group
    if len(group.exchanges) and judged.case.textual:
        own = np.isin(view.evidence.ex_acc[group.exchanges], group.accounts)
        times = view.evidence.ex_time[group.exchanges[own]]
        if len(times):
            return _when(times.min()), _when(times.max())
    return _when(view.totals["first"][group.accounts].min()), _when(view.totals["last"][group.accounts].max())


COUNTS = frozenset({"unevenness", "synchrony", "daily_rate", "span", "end_users", "size"})
RATIOS = frozenset({"daily_rhythm", "address_spread", "likeness", "verified", "disposable", "new_accounts"})


def _figure(name: str, value: float) -> str:
    """A feature's value with a size that fits: shares in per cent, comparisons as multiples, others as they are."""
    if name in RATIOS:
        return f"{multiple(value)} times"
    return f"{value:.3g}" if name in COUNTS else f"{100 * value:.0f}%"


def _speaks(judged: Judged, passed: Passed) -> bool:
    """Is going beyond this limit a reason? Where few exchanges are, or it allows another use, it is only told."""
    return passed.distillation and judged.weighing.weights.get("beyond_consent", 0.0) > 0


def _rival_null(judged: Judged, feature: Feature, value: float) -> str:
    """How often the best rival and extraction show as much, by the table of rivals."""
    level = feature.level(value)
    low, high = (_figure(feature.name, cut) for cut in feature.cuts)
    as_much = (f"at most {low}", f"more than {low} and at most {high}", f"more than {high}")[level]
    use = judged.weighing.best_benign
    own, other = judged.weighing.compared
    rival = KIND_WORDS[use] + (f" ({other.replace('_', ' ')})" if other != use else "")
    way = f" ({own.replace('_', ' ')})" if own != "extraction" else ""
    return (
        f"a group that is {rival} shows {as_much} in {100 * feature.levels[other][level]:.3g}% of cases, one that"
        f" extracts{way} in {100 * feature.levels[own][level]:.3g}% (table of rivals, set by hand; for"
        f" {plural(len(judged.case.members), 'account')} their ratio counts to the power {judged.power:.2g})"
    )


def _reasons(judged: Judged) -> tuple[Reason, ...]:
    ids = judged.case.view.evidence.accounts.ids
    found = [
        Reason(
            behaviour=name,
            family=REGISTRY[name].family,
            statement=seen.statement,
            statistic=seen.statistic,
            p_value=None if seen.p_value is None else float(min(max(seen.p_value, 0.0), 1.0)),
            supports=seen.supports,
            null=None if seen.p_value is None else REGISTRY[name].null,
            examples=tuple(map(str, ids[list(seen.examples)])),
        )
        for name, seen in judged.observations.items()
        # A figure that is significant but small speaks for nothing, and not against either. But how much an account
        # sent is why it was examined by itself: that it is no more than the heaviest always send is said too.
        if noted(seen) or (judged.single and not seen.supports)
    ]
    rival = KIND_WORDS[judged.weighing.best_benign]
    for feature in features():
        weight = judged.weighing.weights.get(feature.name, 0.0)
        value = judged.figures.get(feature.name)
        # The verdict follows from these weights: all that move it are said, for and against.
        # How many families agree is no figure of one family; their tests stand above with their p-values.
        if value is not None and abs(weight) >= WEIGHTY and feature.family in FAMILIES:
            one, other = ("extraction", rival) if weight > 0 else (rival, "extraction")
            found.append(
                Reason(
                    behaviour=f"rival:{feature.name}",
                    family=feature.family,
                    statement=f"{feature.meaning[0].upper()}{feature.meaning[1:]}: {_figure(feature.name, value)};"
                    f" that fits {one} {10 ** abs(weight):.1f} times as well as {other}.",
                    statistic=float(value),
                    p_value=None,
                    supports=weight > 0,
                    null=_rival_null(judged, feature, float(value)),
                )
            )
    found += [
        Reason("agreement", INFRASTRUCTURE, one.limit, float(one.exchanges), None, supports=True)
        for one in judged.passed
        if _speaks(judged, one)
    ]
    if judged.corroboration is not None:
        found.append(_corroborated(judged.corroboration))
    if judged.exempt and judged.verdict == "legitimate":
        found.append(
            Reason(
                "exemption",
                "content",
                "Exemptions cover all accounts that would be accused.",
                None,
                None,
                False,
            )
        )
    elif judged.kind_of_use == "authorised":
        found.append(
            Reason(
                "agreement", "content", "An agreement to distil covers these exchanges.", None, None, False
            )
        )
    return tuple(found)


def _corroborated(seen: Corroboration) -> Reason:
    """What other members shared: a reason beside the families, which it is none of."""
    who = "two or more other members" if seen.several else "one other member"
    return Reason(
        "corroboration",
        OUTSIDE,
        f"{seen.accounts:,} of {plural(seen.of, 'account')} carry {plural(len(seen.signatures), 'template')} that {who}"
        f" shared and that hardly anybody else here sends; beside two families of its own"
        f" evidence that counts {seen.factor:.0f} times. It accuses nobody by itself.",
        seen.factor,
        None,
        supports=True,
    )


def tables(judged: Judged, detected_at: datetime | None) -> tuple[Campaign, list[Member]]:
    """The group's row of campaigns.parquet and its rows of members.parquet."""
    ids = judged.case.view.evidence.accounts.ids[judged.group.accounts]
    identity = campaign_id(ids.tolist())
    own = judged.own_exchanges
    first, last = _span(judged)
    members = [
        Member(identity, str(account), role, float(min(max(probability, 0.0), 1.0)), int(n))
        for account, (role, probability), n in zip(ids, roles(judged), own, strict=True)
    ]
    exchanges = int(own.sum())
    campaign = Campaign(
        campaign_id=identity,
        verdict=judged.verdict,
        kind_of_use=judged.kind_of_use,
        data_state=judged.data_state,
        probability=judged.probability,
        log10_bayes_factor=judged.weighing.log10_bayes_factor,
        accounts=len(ids),
        exchanges=exchanges,
        first_time=first,
        last_time=last,
        detected_at=detected_at,
        reasons=_reasons(judged),
    )
    return campaign, members


def _masked(kind: str, value: str) -> str:
    if kind in ("address", "signup"):
        try:
            network = ipaddress.ip_network((value, 24 if ":" not in value else 48), strict=False)
        except ValueError:
            return "address"
        return f"{network.network_address}/{network.prefixlen}"
    if kind == "client":
        return redact(value)[:40]
    return f"{THING_WORDS[kind]} …{value[-4:]}"


def _things(judged: Judged) -> tuple[tuple[SharedThing, ...], tuple[tuple[str, str], ...]]:
    view, group = judged.case.view, judged.group
    evidence = view.evidence
    texts, of_texts = view.texts_by_account.both(group.accounts)
    links = view.links_by_account.places(group.accounts)
    acc = np.concatenate([np.repeat(group.accounts, of_texts), view.link_acc[links]])
    obj = np.concatenate([view.share_obj[texts], view.link_obj[links]])
    held = np.bincount(obj, minlength=len(evidence.obj_kind))
    ranked = sorted(
        np.concatenate([group.text_objects, group.infrastructure_objects]).tolist(),
        key=lambda o: (-int(held[o]), o),
    )
    shown: list[int] = []
    per_kind: Counter[str] = Counter()
    for o in ranked:
        kind = KINDS[evidence.obj_kind[o]]
        word = THING_WORDS.get(kind, "template")
        # A template hits several prefixes and phrases; two of each kind show the shape.
        if per_kind[word] < (2 if evidence.obj_kind[o] < N_CONTENT else 4) and len(shown) < SHOWN_THINGS:
            per_kind[word] += 1
            shown.append(o)
    things = []
    for o in shown:
        kind = KINDS[evidence.obj_kind[o]]
        word = THING_WORDS.get(kind, "template")
        label = (
            _masked(kind, str(evidence.obj_value[o])) if evidence.obj_kind[o] >= N_CONTENT else f"{word} {o}"
        )
        things.append(SharedThing(f"thing-{o}", word, label, int(held[o]), int(view.popularity[o] - held[o])))
    sample = set(group.members[:SHOWN_ACCOUNTS].tolist())
    wanted = np.isin(obj, shown)
    shown_links = sorted(
        {
            (str(evidence.accounts.ids[a]), f"thing-{o}")
            for a, o in zip(acc[wanted].tolist(), obj[wanted].tolist(), strict=True)
            if a in sample
        }
    )
    return tuple(things), tuple(shown_links)


def _timeline(judged: Judged) -> tuple[tuple[int, ...], tuple[int, ...]]:
    view, group = judged.case.view, judged.group
    inside = np.zeros(len(view.active), dtype=bool)
    inside[group.accounts] = True
    if judged.case.told_by_texts:
        own = group.exchanges[inside[view.evidence.ex_acc[group.exchanges]]]
        hours = view.evidence.ex_hour[own]
        weights = view.stands_for[view.evidence.ex_acc[own]]
    else:
        keep = inside[view.ledger["acc"]]
        hours, weights = view.ledger["hour"][keep], view.ledger["n"][keep].astype(float)
    if not len(hours):
        return (), ()
    low = int(hours.min())
    counts = np.bincount(hours - low, weights=weights)
    return tuple(3600 * (low + i) for i in range(len(counts))), tuple(round(c) for c in counts.tolist())


def _rivals(judged: Judged) -> tuple[Rival, ...]:
    top = max(judged.weighing.log10_likelihood.values())
    ranked = sorted(judged.weighing.log10_likelihood.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Rival(kind, points - top, f"{KIND_WORDS[kind][0].upper()}{KIND_WORDS[kind][1:]}.")
        for kind, points in ranked
    )


def stories(
    found: Sequence[tuple[Judged, Campaign, Sequence[Member]]], fetch: Callable[[Wanted], Found], *, raw: bool
) -> list[Story]:
    """The report's cards for groups, in their order; `fetch` gets texts, `raw` shows examples unredacted.

    What many of them ask for next is fetched in one go: texts lie far apart, and a part of them is opened once for all.
    """
    some = (found[at : at + TOGETHER] for at in range(0, len(found), TOGETHER))
    return [card for one in some for card in _together(one, fetch, raw)]


def _together(
    found: Sequence[tuple[Judged, Campaign, Sequence[Member]]], fetch: Callable[[Wanted], Found], raw: bool
) -> list[Story]:
    told: dict[int, Story] = {}
    asking = {number: _story(*one, raw=raw) for number, one in enumerate(found)}
    answer: Found | None = None
    while asking:
        wanted: defaultdict[str, list[Ints]] = defaultdict(list)
        for number, one in list(asking.items()):
            try:
                asked = next(one) if answer is None else one.send(answer)
            except StopIteration as end:
                told[number] = end.value
                del asking[number]
            else:
                for column, rows in asked.items():
                    wanted[column].append(rows)
        if wanted:
            answer = fetch({column: np.concatenate(rows) for column, rows in wanted.items()})
    return [told[number] for number in range(len(found))]


def _story(
    judged: Judged, campaign: Campaign, members: Sequence[Member], *, raw: bool
) -> Generator[Wanted, Found, Story]:
    """A group's card; asks for texts as it goes."""
    hours, counts = _timeline(judged)
    brief = judged.verdict == "legitimate"
    things, links = ((), ()) if brief else _things(judged)
    templates, examples = ((), ()) if brief else (yield from exemplars(judged, raw=raw))
    return Story(
        campaign=campaign,
        statement=statement(judged),
        members=tuple(members),
        hours=hours,
        exchanges_by_hour=counts,
        things=things,
        links=links,
        templates=templates,
        examples=examples,
        rivals=_rivals(judged),
        notes=(
            *(one.limit for one in judged.passed if not _speaks(judged, one)),
            *judged.notes,
            *sentences(judged),
        ),
    )
