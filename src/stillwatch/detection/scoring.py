"""A scan held against the truth of its exercise: per campaign, per look-alike class, and in all."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.detection.out_folder import check_whole
from stillwatch.records.errors import InputError
from stillwatch.records.findings import ACCUSED_ROLES


@dataclass(frozen=True)
class GroupScore:
    """One planted group: how many of its accounts took part, were accused, or lie in a group for review.

    `verdict` is that of the likest of the scan's groups that hold half of its accounts; `kind_of_use` likewise; None when
    there is none.
    """

    group_id: str
    name: str
    tier: str
    unauthorised: bool
    expected_kind_of_use: str
    accounts: int
    accused: int
    review: int
    verdict: str | None
    kind_of_use: str | None
    hours_to_detection: float | None


@dataclass(frozen=True)
class Score:
    """All planted groups; accused accounts and how many of them are guilty; ordinary accounts accused."""

    groups: tuple[GroupScore, ...]
    accused: int
    guilty_accused: int
    guilty: int
    ordinary: int
    ordinary_accused: int

    @property
    def recall(self) -> float:
        """Share of campaign accounts that are accused."""
        return self.guilty_accused / self.guilty if self.guilty else 1.0

    @property
    def precision(self) -> float:
        """Share of accused accounts that are guilty."""
        return self.guilty_accused / self.accused if self.accused else 1.0

    @property
    def look_alikes_accused(self) -> int:
        """Look-alike groups (authorised ones included) that the scan accuses, or most of whose accounts it accuses."""
        return sum(
            not g.unauthorised and (g.verdict == "extraction" or 2 * g.accused > g.accounts)
            for g in self.groups
        )


def likest(own: Collection[str], holders: Mapping[str, Sequence[str]], size: Mapping[str, int]) -> str | None:
    """Of a scan's groups the one that is most like these accounts (Jaccard), if it holds at least half of them.

    `holders`: by account the groups that it is a member of; `size`: members by group. A campaign inside an application's
    users is not these, and a group that shares a few accounts with something else is not that something.
    """
    hits = Counter(group for account in own for group in holders.get(account, ()))
    if not hits:
        return None
    best = max(hits, key=lambda group: (hits[group] / (len(own) + size[group] - hits[group]), group))
    return best if 2 * hits[best] >= len(own) else None


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    if not path.exists():
        inside = path.parent / "truth" / path.name
        mend = f"give {inside.parent}" if inside.exists() else "give the folder that drill or scan wrote"
        raise InputError("no such table", where=str(path), mend=mend)
    try:
        return pq.read_table(path, columns=columns)
    except (pa.ArrowInvalid, OSError):
        raise InputError(
            "cannot be read as Parquet", where=str(path), mend="write it once more with drill or scan"
        ) from None


def score(truth: Path, scanned: Path) -> Score:
    """Hold `scanned` (what scan wrote) against `truth` (the folder truth/ of a drill).

    Raises InputError where a table is missing, where the scan is of other logs, or where it was interrupted.
    """
    groups = _read(truth / "groups.parquet").to_pylist()
    truth_accounts = _read(truth / "accounts.parquet").to_pylist()
    check_whole(scanned)
    campaigns = {c["campaign_id"]: c for c in _read(scanned / "campaigns.parquet").to_pylist()}
    accused: set[str] = set()
    size: dict[str, int] = {}
    by_account: dict[str, list[str]] = {}
    reviewed: set[str] = set()
    examined: set[str] = set()
    for m in _read(scanned / "members.parquet").to_pylist():
        campaign = campaigns[m["campaign_id"]]
        examined.add(m["account_id"])
        # Who is only suspected is linked to a group and no part of it.
        if m["role"] in ACCUSED_ROLES:
            by_account.setdefault(m["account_id"], []).append(m["campaign_id"])
            size[m["campaign_id"]] = size.get(m["campaign_id"], 0) + 1
        if campaign["verdict"] == "extraction" and m["role"] in ACCUSED_ROLES:
            accused.add(m["account_id"])
        if campaign["verdict"] == "review":
            reviewed.add(m["account_id"])
    # Plain accounts need no row in the truth; the exercise's accounts table has them all.
    table = truth.parent / "accounts.parquet"
    everyone = {row["account_id"] for row in truth_accounts}
    if table.exists():
        everyone |= set(_read(table, ["account_id"])["account_id"].to_pylist())
    if examined and examined.isdisjoint(everyone):
        raise InputError(
            "no account that the scan examined is in the exercise",
            where=str(scanned),
            mend=f"give the scan of the exercise that {truth} belongs to",
        )
    of_group: dict[str, set[str]] = {}
    for row in truth_accounts:
        if row["group_id"] is not None:
            of_group.setdefault(row["group_id"], set()).add(row["account_id"])
    guilty = {a for g in groups if g["unauthorised"] for a in of_group.get(g["group_id"], ())}
    scores = []
    for g in sorted(groups, key=lambda g: (not g["unauthorised"], g["class"], g["group_id"])):
        own = of_group.get(g["group_id"], set())
        best = likest(own, by_account, size)
        seen = campaigns[best] if best is not None else None
        detected = seen["detected_at"] if seen else None
        scores.append(
            GroupScore(
                group_id=g["group_id"],
                name=g["class"],
                tier=g["tier"] or "",
                unauthorised=g["unauthorised"],
                expected_kind_of_use=g["expected_kind_of_use"] or "",
                accounts=len(own),
                accused=len(own & accused),
                review=len(own & reviewed - accused),
                verdict=seen["verdict"] if seen else None,
                kind_of_use=seen["kind_of_use"] if seen else None,
                hours_to_detection=(detected - g["first_time"]).total_seconds() / 3600 if detected else None,
            )
        )
    grouped = set().union(*of_group.values()) if of_group else set()
    ordinary = everyone - grouped
    return Score(
        groups=tuple(scores),
        accused=len(accused),
        guilty_accused=len(accused & guilty),
        guilty=len(guilty),
        ordinary=len(ordinary),
        ordinary_accused=len(accused - grouped),
    )
