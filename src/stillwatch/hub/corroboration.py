"""Corroboration: that one or more others saw an object too, or think that it is false; never who, never how many exactly."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from stillwatch.hub.database import Database
from stillwatch.hub.deciding import OWNERS, owners_keys


def bucket(count: int) -> str:
    """A number of members as it is told."""
    return str(count) if count < 2 else "2 or more"


def corroboration(database: Database, asker: int, ids: Sequence[str]) -> list[dict[str, Any]]:
    """For each id the buckets of `sightings` and `false_positives`: distinct members, its author and the asker apart.

    What a member said itself must not come back to it as another's word.
    """
    wanted = list(dict.fromkeys(ids))
    with database.read() as tx:
        authors: dict[str, int | None] = dict(tx.among(OWNERS, owners_keys(wanted)))
        lines = tx.among(
            "WITH wanted (id) AS (VALUES (?)*) SELECT r.target, r.kind, r.member FROM wanted"
            " JOIN reports r ON r.target = wanted.id",
            [(each,) for each in wanted],
        )
    members: dict[tuple[str, str], set[int]] = defaultdict(set)
    for target, kind, member in lines:
        if member not in (authors.get(target), asker):
            members[target, kind].add(member)
    return [
        {
            "id": each,
            "sightings": bucket(len(members[each, "sighting"])),
            "false_positives": bucket(len(members[each, "false positive"])),
        }
        for each in ids
    ]
