"""Consent: which exchanges an agreement of the provider's register covers, and which limit was exceeded."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from stillwatch.detection.evidence import AccountFacts, Bools, Evidence, Floats, Ints
from stillwatch.detection.explanation.wording import plural
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.view import NEVER

COVERED = 0.95
"""An account is covered when agreements cover this share of its exchanges."""
HOURS = np.int64(1 << 32)
"""More than there are hours: account and hour in one number."""


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
    named: str  # whom it names, in words; empty where it names nobody

    @property
    def distillation(self) -> bool:
        """Is it to distil?"""
        return self.purpose == "distillation"


def read_agreements(table: pa.Table | None, facts: AccountFacts) -> list[Agreement]:
    """Resolve the register against the accounts: by account, or by exact organisation where verified."""
    if table is None:
        return []
    codes = {name: i for i, name in enumerate(facts.ids)}
    found = []
    for row in sorted(table.to_pylist(), key=lambda r: str(r["agreement_id"])):
        covered: list[int] = []
        claimed: list[int] = []
        named = ""
        if row["account_id"] is not None:
            named = f"account {row['account_id']}"
            covered += [codes[row["account_id"]]] if row["account_id"] in codes else []
        elif row["organisation"]:
            named = f"organisation {row['organisation']}"
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
                named=named,
            )
        )
    return found


def _idle(agreement: Agreement, evidence: Evidence, exchanges: int) -> str | None:
    """Why an agreement covers nothing in these logs; None for one that covers some of the `exchanges` that it could."""
    if not agreement.purpose:
        return "it has no purpose"
    if not agreement.named:
        return "it names neither an account nor an organisation"
    if not len(agreement.accounts):
        if len(agreement.claimed):
            return f"none of the {plural(len(agreement.claimed), 'account')} of {agreement.named} is verified"
        return f"these logs have nothing of {agreement.named}"
    if agreement.models is not None and not agreement.models & evidence.models.keys():
        return f"these logs have no exchange with {', '.join(sorted(agreement.models)) or 'a model of its empty list'}"
    if agreement.starts is not None and agreement.ends is not None and agreement.ends <= agreement.starts:
        return "it ends before it begins"
    if agreement.limit is not None and agreement.limit <= 0:
        return f"its limit is {agreement.limit} exchanges"
    return None if exchanges else "none of its accounts' exchanges are within its dates and models"


def listed(agreements: Sequence[Agreement], evidence: Evidence) -> list[dict[str, Any]]:
    """What run.json says of each: how many accounts it names, their exchanges within its terms, and why it is idle."""
    rows = []
    for one in agreements:
        within, _ = _rows(one, evidence, int(NEVER))
        exchanges = sum(int(evidence.models[model][2][own].sum()) for model, own in within)
        rows.append(
            {
                "agreement_id": one.agreement_id,
                "names": one.named,
                "purpose": one.purpose,
                "accounts": len(one.accounts),
                "accounts_not_verified": len(one.claimed),
                "exchanges": exchanges,
                "covers_nothing": _idle(one, evidence, exchanges),
            }
        )
    return rows


@dataclass(frozen=True, order=True)
class Passed:
    """A limit that exchanges are beyond, or an agreement that is only claimed."""

    limit: str  # in words, with the agreement that sets it
    exchanges: int
    distillation: bool  # it is to distil: going beyond it is weighed


@dataclass(frozen=True)
class Coverage:
    """What agreements cover: exchanges by purpose and account; accounts that only claim one; exceeded limits."""

    evidence: Evidence
    exchanges: dict[str, Floats]  # purpose -> by account code
    left: dict[
        str, dict[str, Floats]
    ]  # purpose -> model -> along its rows: exchanges that no agreement covers
    claimed: dict[int, tuple[str, bool]]  # by account code: the agreement, and whether it is to distil
    exceeded: dict[int, tuple[Passed, ...]]  # by account code
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

    def passed(self, members: Ints) -> tuple[Passed, ...]:
        """What of these accounts is beyond limits, in sentences that name it; and what they only claim."""
        claims = Counter(self.claimed[code] for code in members.tolist() if code in self.claimed)
        beyond: dict[tuple[str, bool], list[tuple[int, int]]] = defaultdict(list)
        for code in members.tolist():
            for one in self.exceeded.get(code, ()):
                beyond[one.limit, one.distillation].append((code, one.exchanges))
        found = []
        for (limit, distillation), counts in sorted(beyond.items()):
            exchanges, accounts = sum(n for _, n in counts), len({code for code, _ in counts})
            said = f"{plural(exchanges, 'exchange')} of {plural(accounts, 'account')} are beyond that."
            found.append(Passed(f"{limit}; {said}", exchanges, distillation))
        for (claim, distillation), number in sorted(claims.items()):
            said = f"{plural(number, 'account')} claim{'s' * (number == 1)} agreement {claim} by name, unverified: it covers"
            found.append(Passed(f"{said} nothing of theirs.", 0, distillation))
        return tuple(found)

    def of_these(self, purpose: str, accounts: Ints, exchanges: Ints) -> Bools:
        """The same along these accounts (rising), of these exchanges of theirs (indices) alone, whatever else each did.

        Within an hour of one account and model that an agreement covers in part, all count as covered to that part.
        """
        if purpose not in self.left:
            return np.zeros(len(accounts), dtype=bool)
        at = np.searchsorted(accounts, self.evidence.ex_acc[exchanges])
        total = np.bincount(at, minlength=len(accounts))
        covered = np.bincount(at, weights=self._part[purpose][exchanges], minlength=len(accounts))
        return np.asarray((total > 0) & (covered >= COVERED * total))

    @cached_property
    def _part(self) -> dict[str, Floats]:
        """By purpose, along the evidence's exchanges: to what part agreements cover the hour that each is in."""
        evidence = self.evidence
        cells = evidence.ex_acc * HOURS + evidence.ex_hour
        found = {purpose: np.zeros(len(cells)) for purpose in self.left}
        for number, (name, (acc, hour, count)) in enumerate(evidence.models.items()):
            own = np.flatnonzero(evidence.ex_model == number)
            cell = acc * HOURS + hour
            order = np.argsort(cell, kind="stable")
            at = order[np.searchsorted(cell[order], cells[own])]
            for purpose, left in self.left.items():
                found[purpose][own] = 1.0 - left[name][at] / count[at]
        return found


def cover(agreements: list[Agreement], evidence: Evidence, until: int) -> Coverage:
    """Count, hour by hour and model by model, what every agreement covers before hour `until`.

    An agreement's limit is used up in the order of hours over all its accounts; the rest is not covered. For each purpose
    an exchange is covered once, however many agreements hold it: those without a limit come first. What no agreement of
    the purpose covers in the end is beyond the limits of those that could have.
    """
    n = len(evidence.accounts.ids)
    exchanges: dict[str, Floats] = {}
    claimed: dict[int, tuple[str, bool]] = {}
    rows_of = Counter((a.agreement_id, a.limit) for a in agreements)
    exceeded: dict[int, list[Passed]] = {}
    beyond_limit = np.zeros(n, dtype=bool)
    # By purpose, along the rows of each model: exchanges that no agreement covers so far.
    left: dict[str, dict[str, Floats]] = {}
    within: list[tuple[Agreement, list[tuple[str, Ints]], dict[str, list[tuple[str, Ints]]]]] = []
    for agreement in sorted(agreements, key=lambda a: a.limit is not None):
        for code in agreement.claimed.tolist():
            claimed[code] = agreement.agreement_id, agreement.distillation
        if agreement.distillation:
            beyond_limit[agreement.claimed] |= evidence.accounts.verified[agreement.claimed] == 0
        if not len(agreement.accounts):
            continue
        if agreement.purpose not in left:
            exchanges[agreement.purpose] = np.zeros(n)
            left[agreement.purpose] = {
                model: count.astype(np.float64) for model, (_, _, count) in evidence.models.items()
            }
        rows, outside = _rows(agreement, evidence, until)
        within.append((agreement, rows, outside))
        for code, allowed in _use(agreement, rows, left[agreement.purpose], evidence, n):
            exchanges[agreement.purpose][code] += allowed
    for agreement, rows, outside in within:
        still = left[agreement.purpose]
        for code in np.flatnonzero(beyond := _uncovered(rows, still, evidence, n)).tolist():
            # A handful at the edge of a limit is no more a breach here than it is in `of`.
            whole = exchanges[agreement.purpose][code] + beyond[code]
            beyond_limit[code] |= agreement.distillation and beyond[code] > (1 - COVERED) * whole
            limit = _limit(agreement, "exchanges", rows_of[agreement.agreement_id, agreement.limit])
            exceeded.setdefault(code, []).append(Passed(limit, int(beyond[code]), agreement.distillation))
        for what, others in outside.items():
            for code in np.flatnonzero(counts := _uncovered(others, still, evidence, n)).tolist():
                exceeded.setdefault(code, []).append(
                    Passed(_limit(agreement, what), int(counts[code]), agreement.distillation)
                )
    return Coverage(
        evidence=evidence,
        exchanges=exchanges,
        left=left,
        claimed=claimed,
        exceeded={code: tuple(s) for code, s in exceeded.items()},
        beyond=beyond_limit,
    )


def _limit(agreement: Agreement, what: str, rows: int = 1) -> str:
    """A limit in words: how many `exchanges`, which `models` or what `dates`; in so many `rows` of the register."""
    if what == "exchanges":
        each = f" in each of {rows:,} rows" if rows > 1 else ""
        return f"Agreement {agreement.agreement_id} allows {plural(agreement.limit or 0, 'exchange')}{each}"
    if what == "models":
        named = ", ".join(sorted(agreement.models or ())) or "no model"
        return f"Agreement {agreement.agreement_id} covers {named}"
    dates = [
        # Not by datetime: the last hour of the year 9999 ends after it.
        f"{word} {str(np.datetime64(hour, 'h')).replace('T', ' ')}:00 UTC"
        for word, hour in (("from", agreement.starts), ("until", agreement.ends))
        if hour is not None
    ]
    return f"Agreement {agreement.agreement_id} holds {' '.join(dates)}"


def _rows(
    agreement: Agreement, evidence: Evidence, until: int
) -> tuple[list[tuple[str, Ints]], dict[str, list[tuple[str, Ints]]]]:
    """(Rows of models within an agreement's models and dates before `until`; those outside of each), of its accounts."""
    rows: list[tuple[str, Ints]] = []
    outside: dict[str, list[tuple[str, Ints]]] = {"models": [], "dates": []}
    for model, (acc, hour, _) in evidence.models.items():
        own = np.flatnonzero(np.isin(acc, agreement.accounts) & (hour < until))
        if agreement.models is not None and model not in agreement.models:
            outside["models"].append((model, own))
            continue
        late = np.zeros(len(own), dtype=bool)
        if agreement.starts is not None:
            late |= hour[own] < agreement.starts
        if agreement.ends is not None:
            late |= hour[own] >= agreement.ends
        outside["dates"].append((model, own[late]))
        rows.append((model, own[~late]))
    return rows, outside


def _uncovered(rows: list[tuple[str, Ints]], left: dict[str, Floats], evidence: Evidence, n: int) -> Floats:
    """By account: exchanges of these rows that no agreement covers."""
    found = np.zeros(n)
    for model, own in rows:
        np.add.at(found, evidence.models[model][0][own], left[model][own])
    return found


def _use(
    agreement: Agreement, rows: list[tuple[str, Ints]], left: dict[str, Floats], evidence: Evidence, n: int
) -> list[tuple[int, float]]:
    """(account code, exchanges covered), taken off what is `left` of these rows."""
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
    return [(int(code), float(covered[code])) for code in np.unique(acc)]
