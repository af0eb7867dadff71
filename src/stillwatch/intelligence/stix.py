"""Accused groups as a STIX 2.1 bundle that holds nothing but the shared vocabulary.

Ids: STIX 2.1 (section 2.9) wants version 4 for objects like these, and its validator warns of any other. A
scan must give the same bytes for the same input, so the random bits are taken from SHA-256 over what the
object discloses anyway, with the producer's pseudonym and a running number. An id therefore tells nothing
that the object does not: nothing of an account, a text or an exact count goes into it.
"""

import hashlib
import json
import math
import os
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stillwatch.intelligence import vocabulary as words
from stillwatch.intelligence.disclosure import require
from stillwatch.intelligence.extension import EXTENSION, PUBLISHED, author, extension_definition
from stillwatch.intelligence.markings import TLP
from stillwatch.intelligence.objects import PRODUCER_NAME
from stillwatch.intelligence.template_indicators import template_indicators
from stillwatch.records.errors import InputError
from stillwatch.records.findings import ACCUSED_ROLES, OUTSIDE, Campaign, Member
from stillwatch.records.signatures import Made

CAMPAIGN_NAME = "Unauthorised extraction of a model"

REFERENCES: tuple[dict[str, str], ...] = (
    {
        "source_name": "mitre-atlas",
        "description": "Extract AI Model",
        "external_id": "AML.T0024.002",
    },
    {
        "source_name": "mitre-atlas",
        "description": "Case study of the extraction of models",
        "external_id": "AML.CS0056",
    },
    {
        "source_name": "owasp-aisvs",
        "description": "Model extraction: limits, alerts and query-pattern analysis",
        "external_id": "C11.5",
    },
)


def bundle(
    campaigns: Sequence[Campaign],
    members: Sequence[Member],
    *,
    created: datetime | None = None,
    producer: str = "",
    level: str = "amber+strict",
    templates: Mapping[str, Sequence[Made]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the groups with verdict `extraction` as a STIX 2.1 bundle, but those that `withheld` counts.

    `members` are those of the groups (others are ignored). `created` is rounded down to the day; without it,
    an object is made on the day after its campaign's last exchange, so that no clock is read. `producer` is
    the member's pseudonym: it goes into ids only, as a digest. `level` is a level of TLP 2.0. `templates`:
    by campaign id what was signed of its templates, each of which becomes an indicator. The order of the input
    does not matter. Raises `InputError` for an unknown level, `DisclosureError` if anything in the result is not
    on the allow-list.
    """
    shared = [name for name in TLP if name != "red"]
    if level not in shared:
        # What is for the eyes of single persons can't be shared with a forum.
        raise InputError(f"'{level}' is no TLP level for sharing", mend=f"use one of {', '.join(shared)}")
    of_group = _by_group(members)
    marking = TLP[level]
    identity = _identity(producer, marking["id"])
    described = sorted(
        (
            (
                _campaign(campaign, of_group[campaign.campaign_id], identity["id"], marking["id"], created),
                tuple(templates.get(campaign.campaign_id, ())),
            )
            for campaign in campaigns
            if campaign.verdict == "extraction"
            and _accounts(campaign, of_group[campaign.campaign_id]) >= words.LEAST_ACCOUNTS
        ),
        key=lambda one: (_canonical(one[0]), sorted(str(made.signature) for made in one[1])),
    )
    seen: dict[str, int] = defaultdict(int)
    objects: list[dict[str, Any]] = []
    for item, made in described:
        objects += _with_templates(item, made, seen)
    markings = {marking["id"]: marking, TLP["clear"]["id"]: TLP["clear"]}
    objects = [*markings.values(), author(), extension_definition(), identity, *objects]
    whole = {
        "type": "bundle",
        "id": _identifier("bundle", *(item["id"] for item in objects)),
        "objects": [_copy(item) for item in objects],
    }
    require(whole)
    return whole


def withheld(campaigns: Sequence[Campaign], members: Sequence[Member]) -> int:
    """How many groups with verdict `extraction` `bundle` leaves out: of so few accounts that they could be told apart."""
    of_group = _by_group(members)
    return sum(
        campaign.verdict == "extraction"
        and _accounts(campaign, of_group[campaign.campaign_id]) < words.LEAST_ACCOUNTS
        for campaign in campaigns
    )


def write_bundle(
    path: Path | str,
    campaigns: Sequence[Campaign],
    members: Sequence[Member],
    *,
    created: datetime | None = None,
    producer: str = "",
    level: str = "amber+strict",
    templates: Mapping[str, Sequence[Made]] = MappingProxyType({}),
) -> None:
    """Write `bundle` at `path` as JSON, aside first and then renamed; raises `InputError` where it cannot."""
    whole = bundle(campaigns, members, created=created, producer=producer, level=level, templates=templates)
    text = json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=True) + "\n"
    target = Path(path)
    aside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        aside = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        aside.chmod(0o644)
        aside.replace(target)
    except OSError as error:
        raise InputError(
            f"the bundle cannot be written ({error.strerror or error})",
            where=str(target),
            mend="name a folder in --out that exists and can be written to",
        ) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def _with_templates(item: dict[str, Any], made: Sequence[Made], seen: dict[str, int]) -> list[dict[str, Any]]:
    """A campaign with the indicators of its templates, all with their ids; `seen` counts what is the same."""

    def name(one: dict[str, Any]) -> None:
        content = _canonical(one)
        one["id"] = _identifier(one["type"], content, str(seen[content]))
        seen[content] += 1

    name(item)
    found = [item]
    for one in template_indicators(item, made):
        if one["type"] == "relationship":
            one |= {"source_ref": found[-1]["id"], "target_ref": item["id"]}
        name(one)
        found.append(one)
    return found


def _campaign(
    campaign: Campaign, members: Sequence[Member], identity: str, marking: str, created: datetime | None
) -> dict[str, Any]:
    """One campaign without its id."""
    first, last = sorted((words.day(campaign.first_time), words.day(campaign.last_time)))
    probability, strength = _own(campaign)
    made = words.stamp(created if created is not None else words.day_after(last))
    evidence = {
        (
            words.behaviour(reason.behaviour),
            words.family(reason.family),
            bool(reason.supports),
            words.p_value_bucket(reason.p_value),
        )
        for reason in campaign.reasons
        if reason.family != OUTSIDE
    }
    kinds = {
        words.ELICITATION[name] for name, _, supports, _ in evidence if supports and name in words.ELICITATION
    }
    lists: dict[str, list[Any]] = {
        "elicitation": sorted(kinds),
        "evidence": [
            {
                "behaviour": name,
                "family": family,
                "supports": supports,
                "p_value": p_value,
                "basis": "observation" if p_value == "none" else "inference",
            }
            for name, family, supports, p_value in sorted(evidence)
        ],
    }
    return {
        "type": "campaign",
        "spec_version": "2.1",
        "created_by_ref": identity,
        "created": made,
        "modified": made,
        "name": CAMPAIGN_NAME,
        "first_seen": words.stamp(first),
        "last_seen": words.stamp(last),
        "confidence": words.confidence(probability),
        "labels": ["adversarial-distillation"],
        "external_references": [dict(reference) for reference in REFERENCES],
        "object_marking_refs": [marking],
        "extensions": {
            EXTENSION: {
                "extension_type": "property-extension",
                "accounts": words.size_bucket(_accounts(campaign, members)),
                "exchanges": words.count_bucket(campaign.exchanges),
                "strength": words.strength(strength),
                "relays": any(m.role == "relay" for m in members),
                "legal_basis": "not assessed",
                "benign_explanations": "weighed and found worse",
                **{name: items for name, items in lists.items() if items},  # STIX has no empty lists
            }
        },
    }


def _by_group(members: Sequence[Member]) -> dict[str, list[Member]]:
    of_group: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        of_group[member.campaign_id].append(member)
    return of_group


def _accounts(campaign: Campaign, members: Sequence[Member]) -> int:
    """How many accounts of a campaign are accused."""
    if not members:
        return campaign.accounts
    return len({member.account_id for member in members if member.role in ACCUSED_ROLES})


def _own(campaign: Campaign) -> tuple[float, float]:
    """Probability and log10 Bayes factor without what other members shared: nobody hears his own echo as news."""
    factor = math.prod(r.statistic or 1.0 for r in campaign.reasons if r.family == OUTSIDE)
    against = (1 - campaign.probability) * factor
    probability = (
        campaign.probability if factor == 1 else campaign.probability / (campaign.probability + against)
    )
    return probability, campaign.log10_bayes_factor - math.log10(factor)


def _identity(producer: str, marking: str) -> dict[str, Any]:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": _identifier("identity", producer),
        "created": PUBLISHED,
        "modified": PUBLISHED,
        "name": PRODUCER_NAME,
        "identity_class": "organization",
        "object_marking_refs": [marking],
    }


def _canonical(item: dict[str, Any]) -> str:
    return json.dumps(item, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _copy(item: dict[str, Any]) -> dict[str, Any]:
    """A deep copy, so that a caller who changes a bundle changes no constant."""
    copied: dict[str, Any] = json.loads(_canonical(item))
    return copied


def _identifier(kind: str, *parts: str) -> str:
    """A STIX id whose 122 free bits are the digest of `parts` (see the head of this module)."""
    digest = hashlib.sha256(json.dumps(["stillwatch", kind, *parts]).encode()).digest()
    return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"
