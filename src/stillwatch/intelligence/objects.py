"""Objects of STIX 2.1 beside campaigns: of accounts, templates, models, and what members think of each other's findings.

Every builder takes figures and gives an object of nothing but the shared vocabulary, which it holds against the disclosure
rules; what those refuse raises `DisclosureError`. Ids are random (STIX 2.1, section 2.9), of cyber-observable objects,
too: section 3.4 would have theirs derived from their values, and then everybody could test guesses of a value.
"""

import base64
import hashlib
import math
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stillwatch.intelligence import vocabulary as words
from stillwatch.intelligence.disclosure import require
from stillwatch.intelligence.extension import LINEAGE, PSEUDONYM, SUSPECT, TEMPLATE
from stillwatch.intelligence.markings import TLP, USES
from stillwatch.records.errors import InputError

PRODUCER_NAME = "Anonymous member"
GROUP_NAME = "Accounts that act together"
TEMPLATE_NAME, BEHAVIOUR_NAME, INFRASTRUCTURE_NAME = words.INDICATOR_NAMES[1:]
ENDPOINT_CONTEXT = b"stillwatch endpoint v1\n"

Item = dict[str, Any]
"""One STIX object, as parsed from JSON."""


@dataclass(frozen=True)
class Handling:
    """Who says something, when, and what may be done with it."""

    author: str | None
    """Id of the identity that it is said under."""
    created: datetime
    """Rounded down to the day."""
    level: str = "amber+strict"
    """Of TLP 2.0; `red` may not leave."""
    use: str | None = None
    """Permitted use, one of `markings.USES`."""

    def marks(self) -> list[str]:
        """Ids of the markings. Raises InputError for unknown levels and uses."""
        if self.level not in TLP:
            raise InputError(f"unknown TLP level '{self.level}'", mend=f"use one of {', '.join(TLP)}")
        if self.use is not None and self.use not in USES:
            raise InputError(f"unknown permitted use '{self.use}'", mend=f"use one of {', '.join(USES)}")
        return [TLP[self.level]["id"], *([] if self.use is None else [USES[self.use]["id"]])]


def pseudonym(identifier: str, epoch: int, public_key: bytes, created: datetime) -> Item:
    """The identity that a member is known by during an epoch; `public_key` of 32 bytes signs its batches."""
    made = words.stamp(created)
    item = {
        "type": "identity",
        "spec_version": "2.1",
        "id": identifier,
        "created": made,
        "modified": made,
        "name": PRODUCER_NAME,
        "identity_class": "organization",
        "extensions": {
            PSEUDONYM: {
                "extension_type": "property-extension",
                "epoch": str(epoch),
                "public_key": base64.b64encode(public_key).decode(),
            }
        },
    }
    require(item)
    return item


def user_account(handling: Handling) -> Item:
    """An account under a random handle. Which account it is, only the member that made the handle can know."""
    item = {
        "type": "user-account",
        "spec_version": "2.1",
        "id": _random("user-account"),
        "user_id": f"handle-{secrets.token_hex(16)}",
        "object_marking_refs": handling.marks(),
    }
    require(item)
    return item


def cluster(accounts: int, handling: Handling, confidence: int | None = None) -> list[Item]:
    """A grouping of accounts that act together, after its accounts under random handles.

    The number of handles is a count, so it is the least of the bucket in which `accounts` is. Raises InputError for
    fewer than `vocabulary.LEAST_ACCOUNTS`.
    """
    words.size_bucket(accounts)
    number = max(words.LEAST_ACCOUNTS, min(words.count_floor(accounts), 10_000))
    handles = [user_account(handling) for _ in range(number)]
    group = _made(
        "grouping",
        handling,
        name=GROUP_NAME,
        context="suspicious-activity",
        object_refs=[handle["id"] for handle in handles],
        confidence=confidence,
    )
    return [*handles, group]


def template_indicator(
    signature: str,
    accounts: int,
    handling: Handling,
    valid_until: datetime | None = None,
    confidence: int | None = None,
) -> Item:
    """A prompt template by its signature (text form of version 1), used by so many accounts.

    Raises InputError for fewer than `vocabulary.LEAST_ACCOUNTS`.
    """
    return _indicator(template_fields(signature, accounts), handling, valid_until, confidence)


def template_fields(signature: str, accounts: int) -> Item:
    """What tells an indicator of a template from others."""
    return {
        **_pattern(TEMPLATE_NAME, "stillwatch-template", signature, "1"),
        "extensions": {
            TEMPLATE: {
                "extension_type": "property-extension",
                "accounts": words.size_bucket(accounts),
                "format": "stillwatch-template/1",
            }
        },
    }


def behaviour_indicator(
    rule: str, handling: Handling, valid_until: datetime | None = None, confidence: int | None = None
) -> Item:
    """A behaviour of accounts as a Sigma rule, in YAML."""
    return _indicator(_pattern(BEHAVIOUR_NAME, "sigma", rule), handling, valid_until, confidence)


def infrastructure_indicator(
    pattern: str, handling: Handling, valid_until: datetime | None = None, confidence: int | None = None
) -> Item:
    """Addresses, domains, certificates and the like as a STIX pattern."""
    return _indicator(
        _pattern(INFRASTRUCTURE_NAME, "stix", pattern, "2.1"), handling, valid_until, confidence
    )


def suspect_model(
    handling: Handling, *, weights_sha256: str | None = None, endpoint: str | None = None
) -> Item:
    """A model that may be trained on another's answers: digest of its weights, host name of its public endpoint, or both."""
    host = None if endpoint is None else ENDPOINT_CONTEXT + endpoint.strip().rstrip(".").lower().encode()
    digests = {
        "weights_sha256": weights_sha256,
        "endpoint_sha256": None if host is None else hashlib.sha256(host).hexdigest(),
    }
    said = {name: digest for name, digest in digests.items() if digest is not None}
    if not said:
        raise InputError(
            "nothing tells which model is meant", mend="give the weights' digest or the endpoint"
        )
    return _model(words.SUSPECT_NAME, handling, {SUSPECT: {"extension_type": "property-extension", **said}})


def teacher_model(handling: Handling) -> Item:
    """A model of the member that says so, whose name stays at home."""
    return _model(words.TEACHER_NAME, handling, None)


@dataclass(frozen=True)
class Lineage:
    """What a comparison of two models' outputs found (comparison.json)."""

    grade: str
    """`keyed` or `similarity`."""
    p_value: float | None
    p_floor: float | None
    """The least p-value that the test could have given."""
    e_value: float | None
    correction: str
    """One of `vocabulary.CORRECTIONS`."""
    prompt_set_sha256: str
    references: int
    """Models in the reference panel."""


def derived_from(student: str, teacher: str, evidence: Lineage, handling: Handling) -> Item:
    """That one model was trained on another's answers, with the evidence; ids of `software` objects."""
    e_value = evidence.e_value if evidence.e_value is not None and evidence.e_value > 0 else 1.0
    said = {
        "extension_type": "property-extension",
        "test": "keyed marks" if evidence.grade == "keyed" else "similarity",
        "grade": evidence.grade,
        "strength": words.strength(math.log10(e_value)),
        "p_value": words.p_value_bucket(evidence.p_value),
        "p_floor": words.p_value_bucket(evidence.p_floor),
        "correction": evidence.correction,
        "prompt_set_sha256": evidence.prompt_set_sha256,
        "reference_models": words.count_bucket(evidence.references),
    }
    return _made(
        "relationship",
        handling,
        relationship_type="derived-from",
        source_ref=student,
        target_ref=teacher,
        extensions={LINEAGE: said},
    )


def relationship(source: str, kind: str, target: str, handling: Handling) -> Item:
    """A tie between two objects, by their ids; docs/reference/stix.md lists which kinds may tie which."""
    return _made("relationship", handling, relationship_type=kind, source_ref=source, target_ref=target)


def sighting(
    of: str,
    handling: Handling,
    *,
    count: int | None = None,
    first: datetime | None = None,
    last: datetime | None = None,
    confidence: int | None = None,
) -> Item:
    """That something shared was seen here, too. `count` leaves as the least of its bucket, times as days.

    Raises InputError where it was seen last before it was seen first.
    """
    if first is not None and last is not None and last < first:
        raise InputError("it was seen last before it was seen first", mend="swap the times")
    return _made(
        "sighting",
        handling,
        sighting_of_ref=of,
        count=None if count is None else words.count_floor(count),
        first_seen=None if first is None else words.stamp(first),
        last_seen=None if last is None else words.stamp(last),
        confidence=confidence,
    )


def opinion(of: Sequence[str], agrees: str, handling: Handling, explanation: str | None = None) -> Item:
    """What this member thinks of objects: one of `vocabulary.OPINIONS`, with one of `vocabulary.EXPLANATIONS`."""
    return _made("opinion", handling, opinion=agrees, explanation=explanation, object_refs=list(of))


def false_positive(of: str, handling: Handling) -> Item:
    """That an indicator or campaign is wrong, as seen from here."""
    return opinion([of], "strongly-disagree", handling, "false-positive")


def course_of_action(action: str, handling: Handling) -> Item:
    """A response, one of `vocabulary.ACTIONS`; `relationship(..., "mitigates", ...)` ties it to what it helps against."""
    return _made("course-of-action", handling, name=action)


def _pattern(name: str, kind: str, pattern: str, version: str | None = None) -> Item:
    """What tells one kind of indicator from others."""
    return {
        "name": name,
        "indicator_types": ["malicious-activity"],
        "pattern": pattern,
        "pattern_type": kind,
        **({} if version is None else {"pattern_version": version}),
        "labels": ["adversarial-distillation"],
    }


def _indicator(
    fields: Item, handling: Handling, valid_until: datetime | None, confidence: int | None
) -> Item:
    begins = words.day(handling.created)
    # Up to the next day: rounded down, something could be over before it began.
    ends = (
        valid_until
        if valid_until is None or words.day(valid_until) == valid_until
        else words.day_after(valid_until)
    )
    if ends is not None and ends <= begins:
        raise InputError("it would be over before it begins", mend="give a later end, or none")
    return _made(
        "indicator",
        handling,
        valid_from=words.stamp(begins),
        valid_until=None if ends is None else words.stamp(ends),
        confidence=confidence,
        **fields,
    )


def _model(name: str, handling: Handling, extensions: Item | None) -> Item:
    item = {
        "type": "software",
        "spec_version": "2.1",
        "id": _random("software"),
        "name": name,
        "object_marking_refs": handling.marks(),
        **({} if extensions is None else {"extensions": extensions}),
    }
    require(item)
    return item


def _made(kind: str, handling: Handling, **fields: Any) -> Item:
    """An object with what all have; fields that are None are left out."""
    made = words.stamp(handling.created)
    item = {
        "type": kind,
        "spec_version": "2.1",
        "id": _random(kind),
        "created_by_ref": handling.author,
        "created": made,
        "modified": made,
        **fields,
        "object_marking_refs": handling.marks(),
    }
    item = {name: value for name, value in item.items() if value is not None}
    require(item)
    return item


def _random(kind: str) -> str:
    return f"{kind}--{uuid.uuid4()}"
