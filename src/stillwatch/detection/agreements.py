"""Consent: which exchanges an agreement of the provider's register covers, and which limit was exceeded."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillwatch.detection.evidence import AccountFacts, Bools, Evidence, Floats, Ints
from stillwatch.detection.ledger import HOUR_US

COVERED = 0.95
"""An account is covered when agreements cover this share of its exchanges."""


@dataclass(frozen=True)
class Agreement:
    """One agreement, with the codes of the accounts that it can cover and of those that only claim it."""

    agreement_id: str
    accounts: Ints
    claimed: Ints
    models: frozenset[str] | None
    purpose: str
    starts: int | None  # hour
    ends: int | None  # hour, exclusive
    limit: int | None


def read_agreements(table: pa.Table | None, facts: AccountFacts) -> list[Agreement]:
    """Resolve the register against the accounts: by account, or by exact organisation where verified."""
    if table is None:
        return []
    codes = {name: i for i, name in enumerate(facts.ids)}
    found = []
    for row in sorted(table.to_pylist(), key=lambda r: str(r["agreement_id"])):
        covered: list[int] = []
        claimed: list[int] = []
        if row["account_id"] in codes:
            covered.append(codes[row["account_id"]])
        elif row["account_id"] is None and row["organisation"]:
            same = facts.organisation == row["organisation"]
            covered.extend(np.flatnonzero(same & (facts.verified == 1)).tolist())
            claimed.extend(np.flatnonzero(same & (facts.verified != 1)).tolist())
        found.append(
            Agreement(
                agreement_id=row["agreement_id"],
                accounts=np.asarray(covered, dtype=np.int64),
                claimed=np.asarray(claimed, dtype=np.int64),
                models=None if row["models"] is None else frozenset(row["models"]),
                purpose=row["purpose"] or "",
                starts=None
                if row["starts_at"] is None
                else int(row["starts_at"].timestamp() * 1e6) // HOUR_US,
                ends=None if row["ends_at"] is None else -(-int(row["ends_at"].timestamp() * 1e6) // HOUR_US),
                limit=row["max_exchanges"],
            )
        )
    return found


@dataclass(frozen=True)
class Coverage:
    """What agreements cover: exchanges by purpose and account; accounts that only claim one; exceeded limits."""

    exchanges: dict[str, Floats]  # purpose -> by account code
    claimed: dict[int, str]
    exceeded: dict[int, tuple[str, ...]]  # account -> sentences
    beyond: Bools
    """By account: distils more than an agreement allows, or claims one to distil and is known not to be verified."""

    def of(self, purpose: str, total: Floats) -> Bools:
        """By account: do agreements of this purpose cover it? `total`: its exchanges.

        An account counts as covered from 95% of its exchanges on: agreements are counted in whole hours, and a handful
        at their edges accuses nobody. What is beyond is named in `exceeded`.
        """
        if purpose not in self.exchanges:
            return np.zeros(len(total), dtype=bool)
        return np.asarray((total > 0) & (self.exchanges[purpose] >= COVERED * total))


def cover(agreements: list[Agreement], evidence: Evidence, until: int) -> Coverage:
    """Count, hour by hour and model by model, what every agreement covers before hour `until`.

    An agreement's limit is used up in the order of hours over all its accounts; the rest is not covered. For each purpose
    an exchange is covered once, however many agreements hold it: those without a limit come first.
    """
    n = len(evidence.accounts.ids)
    exchanges: dict[str, Floats] = {}
    claimed: dict[int, str] = {}
    exceeded: dict[int, list[str]] = {}
    beyond_limit = np.zeros(n, dtype=bool)
    # By purpose, along the rows of each model: exchanges that no agreement covers so far.
    left: dict[str, dict[str, Floats]] = {}
    for agreement in sorted(agreements, key=lambda a: a.limit is not None):
        for code in agreement.claimed.tolist():
            claimed[code] = agreement.agreement_id
        if agreement.purpose == "distillation":
            beyond_limit[agreement.claimed] |= evidence.accounts.verified[agreement.claimed] == 0
        if not len(agreement.accounts):
            continue
        if agreement.purpose not in left:
            exchanges[agreement.purpose] = np.zeros(n)
            left[agreement.purpose] = {
                model: count.astype(np.float64) for model, (_, _, count) in evidence.models.items()
            }
        rows: list[tuple[str, Ints]] = []
        outside: dict[str, Floats] = {"models": np.zeros(n), "dates": np.zeros(n)}
        for model, (acc, hour, count) in evidence.models.items():
            own = np.flatnonzero(np.isin(acc, agreement.accounts) & (hour < until))
            if agreement.models is not None and model not in agreement.models:
                np.add.at(outside["models"], acc[own], count[own])
                continue
            late = np.zeros(len(own), dtype=bool)
            if agreement.starts is not None:
                late |= hour[own] < agreement.starts
            if agreement.ends is not None:
                late |= hour[own] >= agreement.ends
            np.add.at(outside["dates"], acc[own[late]], count[own[late]])
            rows.append((model, own[~late]))
        for code, allowed, beyond in _use(agreement, rows, left[agreement.purpose], evidence, n):
            exchanges[agreement.purpose][code] += allowed
            if beyond:
                # A handful at the edge of a limit is no more a breach here than it is in `of`.
                beyond_limit[code] |= agreement.purpose == "distillation" and beyond > (1 - COVERED) * (
                    allowed + beyond
                )
                exceeded.setdefault(code, []).append(
                    f"Agreement {agreement.agreement_id} allows {agreement.limit} exchanges;"
                    f" {int(beyond)} of this account's are beyond that."
                )
        for what, counts in outside.items():
            for code in np.flatnonzero(counts).tolist():
                exceeded.setdefault(code, []).append(
                    f"Agreement {agreement.agreement_id}: {int(counts[code])} exchanges are outside its {what}."
                )
    return Coverage(
        exchanges=exchanges,
        claimed=claimed,
        exceeded={code: tuple(s) for code, s in exceeded.items()},
        beyond=beyond_limit,
    )


def _use(
    agreement: Agreement, rows: list[tuple[str, Ints]], left: dict[str, Floats], evidence: Evidence, n: int
) -> list[tuple[int, float, float]]:
    """(account code, exchanges covered, exchanges beyond the limit), taken off what is `left` of these rows."""
    if not rows:
        return []
    acc = np.concatenate([evidence.models[model][0][own] for model, own in rows])
    hour = np.concatenate([evidence.models[model][1][own] for model, own in rows])
    count = np.concatenate([left[model][own] for model, own in rows])
    allowed = count
    if agreement.limit is not None:
        order = np.lexsort((acc, hour))
        used = np.cumsum(count[order])
        allowed = np.zeros(len(count))
        allowed[order] = np.clip(agreement.limit - (used - count[order]), 0, count[order])
    at = 0
    for model, own in rows:
        left[model][own] -= allowed[at : at + len(own)]
        at += len(own)
    covered = np.bincount(acc, weights=allowed, minlength=n)
    beyond = np.bincount(acc, weights=count - allowed, minlength=n)
    return [(int(code), float(covered[code]), float(beyond[code])) for code in np.unique(acc)]
