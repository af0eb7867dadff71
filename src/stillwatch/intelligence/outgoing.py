"""What a node does to objects before they leave: its pseudonym stands for the producer, and withdrawals are dated."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from stillwatch.intelligence import vocabulary as words
from stillwatch.intelligence.checks import moment
from stillwatch.intelligence.disclosure import require
from stillwatch.intelligence.extension import AUTHOR
from stillwatch.records.errors import InputError


def prepare(bundle: Mapping[str, Any], pseudonym: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects of a bundle as a member sends them, after its pseudonym.

    The bundle's own identities, which stand for its producer, are left out, and what they made or saw is said under the
    pseudonym (an identity object). Ids and everything else stay, so that sending twice sends the same. Nothing is checked
    here but the shape: raises InputError where this is no bundle.
    """
    objects = bundle.get("objects")
    if bundle.get("type") != "bundle" or not isinstance(objects, list):
        raise InputError("this is no STIX bundle", mend="name a file with an object of type bundle")
    if not all(isinstance(item, dict) for item in objects):
        raise InputError("the bundle holds something that is no object", mend="mend the bundle")
    own = {item.get("id") for item in objects if item.get("type") == "identity"} - {AUTHOR}
    sent = [dict(pseudonym)]
    for item in objects:
        if item.get("type") == "identity" and item.get("id") in own:
            continue
        copied = json.loads(json.dumps(item))
        if copied.get("created_by_ref") in own:
            copied["created_by_ref"] = pseudonym["id"]
        seen_by = copied.get("where_sighted_refs")
        if isinstance(seen_by, list):
            copied["where_sighted_refs"] = [pseudonym["id"] if one in own else one for one in seen_by]
        sent.append(copied)
    return sent


def revoked(item: Mapping[str, Any], today: datetime) -> dict[str, Any]:
    """The version of an object that withdraws it, made today, or a millisecond after one that was made today.

    Raises InputError for objects that have no versions (STIX 2.1, section 3.6: cyber-observable objects and markings).
    """
    if "modified" not in item:
        raise InputError(
            f"objects of type {item.get('type')} can't be withdrawn",
            mend="delete it at the hub, or withdraw what names it",
        )
    before = moment(item["modified"])
    whole = before.replace(microsecond=before.microsecond // 1000 * 1000)
    at = max(words.day(today), whole + timedelta(milliseconds=1))
    changed = {
        **json.loads(json.dumps(item)),
        "modified": f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z",
        "revoked": True,
    }
    require(changed)
    return changed
