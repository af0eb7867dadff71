"""From a judged group to rows for the tables and a story for the report, in plain words with figures."""

import hashlib
import ipaddress
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from stillwatch.detection.agreements import Passed
from stillwatch.detection.behaviours import REGISTRY
from stillwatch.detection.candidates import Judged
from stillwatch.detection.evidence import KINDS, N_CONTENT, Ints
from stillwatch.detection.explanation.carrying import sentences
from stillwatch.detection.explanation.redaction import redact
from stillwatch.detection.explanation.statement import KIND_WORDS, noted, statement
from stillwatch.detection.explanation.story import ReadableTemplate, Rival, SharedThing, Story
from stillwatch.detection.explanation.wording import multiple, plural
from stillwatch.detection.groups import PROMPT_KINDS, SYSTEM_PROMPT
from stillwatch.detection.rivals import Feature, features
from stillwatch.detection.roles import roles
from stillwatch.records.findings import FAMILIES, INFRASTRUCTURE, Campaign, Member, Reason
from stillwatch.records.sketches import Key, split_words

THING_WORDS = {
    "payment": "payment", "telephone": "telephone", "mail": "mail", "signup": "sign-up address", "address": "address",
    "fingerprint": "fingerprint", "client": "client", "credential": "credential", "system": "system prompt",
    "system_phrase": "system prompt",
    "block": "replayed block",
}  # fmt: skip
EQUALITY = Key(bytes(16))
"""Words of a few texts are compared with each other here and their hashes are not kept: any key will do."""
SHOWN_THINGS = 12
SHOWN_ACCOUNTS = 60
SAMPLE_TEXTS = 40
LITERAL_SHARE = 0.6
TEMPLATES = 2
EXAMPLES = 3
WEIGHTY = 0.15
"""Features whose log10 weight is at least this are worth a reason of their own."""

TextsOf = Callable[[Ints, str], dict[int, str]]
"""Row numbers and a column of texts -> the texts that there are, by row."""


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


def readable(texts: Sequence[str], exchanges: int, accounts: int) -> ReadableTemplate | None:
    """What these texts have in common, in the words of one of them; the rest as slots.

    A word is literal when the text's word pair around it stands in 60% of the texts or more.
    """
    if len(texts) < 2:
        return None
    split = [split_words(text, EQUALITY) for text in texts]
    seen: Counter[tuple[int, int]] = Counter()
    for words in split:
        hashes = [int(w[2]) for w in words]
        seen.update(set(pairwise(hashes)))
    need = LITERAL_SHARE * len(texts)

    def literal(i: int) -> list[bool]:
        hashes = [int(w[2]) for w in split[i]]
        pair = [seen[p] >= need for p in pairwise(hashes)]
        return [(k > 0 and pair[k - 1]) or (k < len(pair) and pair[k]) for k in range(len(hashes))]

    best = max(range(len(texts)), key=lambda i: (sum(literal(i)), -len(texts[i]), texts[i]))
    pieces: list[tuple[str, bool]] = []
    end = 0
    text = texts[best]
    for (start, stop, _), common in zip(split[best], literal(best), strict=True):
        if not common:
            if not pieces or not pieces[-1][1]:
                pieces.append(("…", True))
        else:
            gap = text[end:start] if pieces and not pieces[-1][1] else " " if pieces else ""
            if pieces and not pieces[-1][1]:
                pieces[-1] = (pieces[-1][0] + gap + text[start:stop], False)
            else:
                pieces.append((gap + text[start:stop], False))
        end = stop
    if not any(not slot for _, slot in pieces):
        return None
    return ReadableTemplate(tuple(pieces), exchanges, accounts)


def _texts(
    judged: Judged, texts_of: TextsOf, raw: bool
) -> tuple[tuple[ReadableTemplate, ...], tuple[str, ...]]:
    view, group = judged.case.view, judged.group
    evidence = view.evidence
    own = judged.case.own
    carrier, objects = view.objects_of(own)
    kind = evidence.obj_kind[objects]
    # What formed the group is shown: its system prompts, or what is asked.
    of_prompts = group.origin == SYSTEM_PROMPT
    column = "system_text" if of_prompts else "input_text"
    plain = (np.isin(kind, PROMPT_KINDS) == of_prompts) & np.isin(objects, group.text_objects)
    carrier, objects = carrier[plain], objects[plain]
    # Carriers object by object: without texts to show, all objects are gone through, and there may be thousands.
    carrier = carrier[np.argsort(objects, kind="stable")]
    _, counts = np.unique(objects, return_counts=True)
    stops = np.cumsum(counts)
    templates: list[ReadableTemplate] = []
    covered = np.zeros(len(evidence.ex_row), dtype=bool)
    for place in np.argsort(-counts, kind="stable").tolist():
        if len(templates) >= TEMPLATES:
            break
        hits = carrier[stops[place] - counts[place] : stops[place]]
        if covered[hits].mean() > 0.5:
            continue
        covered[hits] = True
        _, one_each = np.unique(evidence.ex_acc[hits], return_index=True)
        sample = hits[np.sort(one_each)][:SAMPLE_TEXTS]
        words = texts_of(evidence.ex_row[sample], column)
        exchanges = round(float(view.stands_for[evidence.ex_acc[hits]].sum()))
        # Of exchanges that came as sketches there is no text.
        told = [words[int(r)] for r in evidence.ex_row[sample] if int(r) in words]
        shape = readable(told, exchanges, len(one_each))
        if shape is not None:
            templates.append(shape)
    _, one_each = np.unique(evidence.ex_acc[own], return_index=True)
    chosen = own[np.sort(one_each)][:EXAMPLES]
    words = texts_of(evidence.ex_row[chosen], "input_text")
    examples = [words[int(r)] for r in evidence.ex_row[chosen] if int(r) in words]
    return tuple(templates), tuple(text if raw else redact(text) for text in examples)


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


def story(
    judged: Judged, campaign: Campaign, members: Sequence[Member], texts_of: TextsOf, *, raw: bool
) -> Story:
    """The report's card for a group; `texts_of` fetches texts by row, `raw` shows examples unredacted."""
    hours, counts = _timeline(judged)
    brief = judged.verdict == "legitimate"
    things, links = ((), ()) if brief else _things(judged)
    templates, examples = ((), ()) if brief else _texts(judged, texts_of, raw)
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
