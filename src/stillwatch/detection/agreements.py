"""Consent: which exchanges an agreement of the provider's register covers, and which limit was exceeded."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillwatch.detection.evidence import AccountFacts, Evidence, Floats, Ints
from stillwatch.detection.ledger import HOUR_US


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
    """Exchanges by account that agreements to distil cover, other purposes by account, and exceeded limits."""

    distillation: Floats
    purposes: dict[int, frozenset[str]]
    claimed: dict[int, str]
    exceeded: dict[int, tuple[str, ...]]  # account -> sentences


def cover(agreements: list[Agreement], evidence: Evidence, until: int) -> Coverage:
    """Count, hour by hour and model by model, what every agreement covers before hour `until`.

    An agreement's limit is used up in the order of hours over all its accounts; the rest is not covered.
    """
    n = len(evidence.accounts.ids)
    total = np.zeros(n)
    purposes: dict[int, set[str]] = {}
    claimed: dict[int, str] = {}
    exceeded: dict[int, list[str]] = {}
    for agreement in agreements:
        for code in agreement.claimed.tolist():
            claimed[code] = agreement.agreement_id
        for code in agreement.accounts.tolist():
            purposes.setdefault(code, set()).add(agreement.purpose)
        if agreement.purpose != "distillation" or not len(agreement.accounts):
            continue
        acc_parts, hour_parts, n_parts = [], [], []
        outside: dict[str, Floats] = {"models": np.zeros(n), "dates": np.zeros(n)}
        for model, (acc, hour, count) in evidence.models.items():
            own = np.isin(acc, agreement.accounts) & (hour < until)
            acc_m, hour_m, count_m = acc[own], hour[own], count[own]
            if agreement.models is not None and model not in agreement.models:
                np.add.at(outside["models"], acc_m, count_m)
                continue
            late = np.zeros(len(hour_m), dtype=bool)
            if agreement.starts is not None:
                late |= hour_m < agreement.starts
            if agreement.ends is not None:
                late |= hour_m >= agreement.ends
            np.add.at(outside["dates"], acc_m[late], count_m[late])
            acc_parts.append(acc_m[~late])
            hour_parts.append(hour_m[~late])
            n_parts.append(count_m[~late])
        acc, hour = (
            np.concatenate(acc_parts or [np.zeros(0, np.int64)]),
            np.concatenate(hour_parts or [np.zeros(0, np.int64)]),
        )
        count = np.concatenate(n_parts or [np.zeros(0, np.int64)]).astype(np.float64)
        if agreement.limit is not None:
            order = np.lexsort((acc, hour))
            acc, count = acc[order], count[order]
            used = np.cumsum(count)
            inside = np.clip(agreement.limit - (used - count), 0, count)
            beyond = np.bincount(acc, weights=count - inside, minlength=n)
            count = inside
            for code in np.flatnonzero(beyond).tolist():
                exceeded.setdefault(code, []).append(
                    f"Agreement {agreement.agreement_id} allows {agreement.limit} exchanges;"
                    f" {int(beyond[code])} of this account's are beyond that."
                )
        for what, counts in outside.items():
            for code in np.flatnonzero(counts).tolist():
                exceeded.setdefault(code, []).append(
                    f"Agreement {agreement.agreement_id}: {int(counts[code])} exchanges are outside its {what}."
                )
        np.add.at(total, acc, count)
    return Coverage(
        distillation=total,
        purposes={code: frozenset(p) for code, p in purposes.items()},
        claimed=claimed,
        exceeded={code: tuple(s) for code, s in exceeded.items()},
    )
