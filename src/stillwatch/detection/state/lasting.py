"""The end of a scan with a state: groups get the ids that last, and what the next scan needs is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from stillwatch.detection.judging import Verdict
from stillwatch.detection.state.continuity import Continuity, Known, follow
from stillwatch.detection.state.growing import Grown
from stillwatch.detection.state.history import changes_of, groups_of, write_changes, write_groups
from stillwatch.detection.state.manifest import Manifest
from stillwatch.detection.state.store import Store
from stillwatch.records.findings import Change


def _known(verdict: Verdict) -> Known:
    campaign = verdict.campaign
    return Known(
        campaign_id=campaign.campaign_id,
        full_id=campaign.campaign_id,
        verdict=campaign.verdict,
        accounts=frozenset(member.account_id for member in verdict.members),
        exchanges=campaign.exchanges,
        probability=campaign.probability,
        behaviours=tuple(dict.fromkeys(r.behaviour for r in campaign.reasons if r.supports)),
        told=campaign.accounts,
        detected_at=None if campaign.detected_at is None else int(campaign.detected_at.timestamp()) // 3600,
    )


@dataclass(frozen=True)
class Lasting:
    """Groups under ids that last, with the changes of all scans."""

    store: Store
    grown: Grown
    continuity: Continuity
    earlier: tuple[Change, ...]

    @classmethod
    def of(cls, store: Store, grown: Grown, found: Sequence[Verdict]) -> "Lasting":
        """Match what was found, under the ids of a full scan, with what the last scan found."""
        earlier = changes_of(store)
        assert grown.intake.last_us is not None
        continuity = follow(
            groups_of(store),
            [_known(verdict) for verdict in found],
            at=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=grown.intake.last_us),
            recorded_at=datetime.now(UTC),
            scan=store.generation,
            sequence=max((change.sequence or 0 for change in earlier), default=0),
        )
        return cls(store, grown, continuity, tuple(earlier))

    def named(self, found: Sequence[Verdict]) -> list[Verdict]:
        """The same verdicts under their lasting ids."""
        names = self.continuity.names
        return [verdict.named(names[verdict.campaign.campaign_id]) for verdict in found]

    def write(self, path: Path) -> None:
        """Write the changes that are kept of earlier scans, and all of this one."""
        write_changes(path, [*self.earlier, *self.continuity.changes])

    def manifest(self) -> Manifest:
        """What is to be committed once the results are in place; its files are written."""
        groups, history = (self.store.fresh / f"{name}.parquet" for name in ("groups", "history"))
        write_groups(groups, self.continuity.groups)
        write_changes(
            history, [*self.earlier, *(c for c in self.continuity.changes if c.sequence is not None)]
        )
        return msgspec.structs.replace(
            self.grown.manifest, groups=self.store.filed(groups), history=self.store.filed(history)
        )

    def as_dict(self) -> dict[str, Any]:
        """What run.json says of the state."""
        manifest, read = self.grown.manifest, self.grown.read
        usable = sum(read.days.values())
        before = 0 if self.store.manifest is None else sum(s.rows for s in self.store.manifest.segments)
        return {
            "state_id": manifest.state_id,
            "scan": self.store.generation,
            "rows": {"before": before, "read": read.read, "usable": usable, "held": _held(manifest)},
            "segments": len(manifest.segments),
            "retain_days": manifest.retain,
            "retained_from": None
            if manifest.cut is None
            else (date(1970, 1, 1) + timedelta(days=manifest.cut)).isoformat(),
            "changes": dict(sorted(Counter(c.event for c in self.continuity.changes).items())),
        }


def _held(manifest: Manifest) -> int:
    return sum(segment.rows for segment in manifest.segments)
