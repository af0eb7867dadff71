"""Changes of groups as events for other systems: ids, counts and names of behaviours, and no text of anybody."""

import json
from collections.abc import Sequence
from typing import Any

from stillwatch.records.findings import Change


def event_id(state_id: str, sequence: int) -> str:
    """The same change has the same id, however often it is sent."""
    return f"{state_id}-{sequence:09d}"


def event(state_id: str, change: Change) -> dict[str, Any]:
    """One change as docs/reference/events.md describes it; `type`, `timestamp` and `data` as Standard Webhooks has them."""
    assert change.sequence is not None
    return {
        "id": event_id(state_id, change.sequence),
        "type": f"campaign.{change.event}",
        "timestamp": change.recorded_at.isoformat(),
        "data": {
            "time": change.at.isoformat(),
            "lag_seconds": round((change.recorded_at - change.at).total_seconds(), 3),
            "campaign_id": change.campaign_id,
            "previous_ids": list(change.previous_ids),
            "next_ids": list(change.next_ids),
            "verdict_before": change.verdict_before,
            "verdict_after": change.verdict_after,
            "probability": change.probability,
            "accounts_before": change.accounts_before,
            "accounts_after": change.accounts_after,
            "joined": change.joined,
            "left": change.left,
            "exchanges": change.exchanges,
            "behaviours": list(change.behaviours),
        },
    }


def body(state_id: str, change: Change) -> str:
    """An event as one line of JSON, the same bytes whenever it is sent."""
    return json.dumps(event(state_id, change), sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def after(changes: Sequence[Change], sequence: int) -> list[Change]:
    """Changes that are told, those with a number, beyond this one."""
    return sorted(
        (c for c in changes if c.sequence is not None and c.sequence > sequence),
        key=lambda c: c.sequence or 0,
    )
