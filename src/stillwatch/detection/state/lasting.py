"""The end of a scan with a state: groups get the ids that last, and what the next scan needs is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from stillwatch.detection.exemption_file import Exemption
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.judging import Judging, Verdict
from stillwatch.detection.state.continuity import Continuity, Known, follow
from stillwatch.detection.state.growing import Grown
from stillwatch.detection.state.history import changes_of, groups_of, write_changes, write_groups
from stillwatch.detection.state.looks import Dated, Looks, context_of
from stillwatch.detection.state.manifest import Manifest
from stillwatch.detection.state.store import Store
from stillwatch.records.findings import Change


def _known(verdict: Verdict, looks: Looks) -> Known:
    campaign, accounts = verdict.campaign, verdict.judged.group.accounts
    first = int(verdict.judged.case.view.totals["first"][accounts].min() // HOUR_US)
    carried = None if campaign.detected_at is None else looks.carried(accounts)
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
        dated_from=first if carried is None else carried.first,
        dated_under=looks.context,
    )


def looks_of(store: Store, grown: Grown, judging: Judging, exemptions: Sequence[Exemption]) -> Looks:
    """The looks at the past that the state keeps, as far as they hold for this scan."""
    manifest = store.manifest
    kept = None if manifest is None or manifest.looks is None else store.path(manifest.looks)
    facts = judging.evidence.accounts
    # --until leaves out accounts that the state holds: a look without them is none with them.
    listed = grown.tables.get("accounts")
    ids = set() if listed is None else set(listed["account_id"].to_pylist())
    register = grown.tables.get("agreements")
    context = context_of(
        (
            sorted((n, v) for n, v in judging.settings.as_dict().items() if n != "looks"),
            sorted(judging.releases.items()),
            None if register is None else register.to_pylist(),
            sorted(map(repr, exemptions)),
            # Columns that nobody has a value in are no evidence for anybody.
            sorted(facts.present),
            "accounts" in grown.tables,
            sorted(str(name) for name in facts.ids[~facts.known] if name in ids),
            *(() if judging.evidence.outside is None else (judging.evidence.outside.digest,)),
        )
    )
    kept_from = 24 * (grown.manifest.cut or 0)
    dated = [
        Dated(group.accounts, group.detected_at, group.dated_from)
        for group in groups_of(store)
        if group.detected_at is not None and group.dated_from is not None
        # Only where rows that it was dated by have left, and where nothing else would date it otherwise.
        if group.dated_from < kept_from and group.dated_under == context
    ]
    return Looks.of(
        kept,
        context,
        judging.evidence,
        changed=grown.changed,
        accounts=grown.accounts,
        kept_from=kept_from,
        dated=dated,
    )


@dataclass(frozen=True)
class Lasting:
    """Groups under ids that last, with the changes of all scans."""

    store: Store
    grown: Grown
    continuity: Continuity
    earlier: tuple[Change, ...]
    looks: Looks

    @classmethod
    def of(cls, store: Store, grown: Grown, found: Sequence[Verdict], looks: Looks) -> "Lasting":
        """Match what was found, under the ids of a full scan, with what the last scan found."""
        earlier = changes_of(store)
        assert grown.intake.last_us is not None
        continuity = follow(
            groups_of(store),
            [_known(verdict, looks) for verdict in found],
            at=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=grown.intake.last_us),
            recorded_at=datetime.now(UTC),
            scan=store.generation,
            sequence=max((change.sequence or 0 for change in earlier), default=0),
        )
        return cls(store, grown, continuity, tuple(earlier), looks)

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
        looks = self.store.fresh / "looks.json"
        self.looks.write(looks)
        return msgspec.structs.replace(
            self.grown.manifest,
            groups=self.store.filed(groups),
            history=self.store.filed(history),
            looks=self.store.filed(looks),
        )

    def as_dict(self) -> dict[str, Any]:
        """What run.json says of the state."""
        manifest, read = self.grown.manifest, self.grown.read
        usable = sum(read.days.values())
        before = 0 if self.store.manifest is None else sum(s.rows for s in self.store.manifest.segments)
        return {
            "state_id": manifest.state_id,
            "scan": self.store.generation,
            "rows": {"before": before, "read": read.read, "usable": usable, "held": self.grown.held},
            "segments": len(manifest.segments),
            "looks": {"taken": self.looks.taken, "held": len(self.looks.looks)},
            "retain_days": manifest.retain,
            "retained_from": None
            if manifest.cut is None
            else (date(1970, 1, 1) + timedelta(days=manifest.cut)).isoformat(),
            "changes": dict(sorted(Counter(c.event for c in self.continuity.changes).items())),
        }
