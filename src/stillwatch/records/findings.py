"""What a scan finds (groups with verdict, reasons and members) and the tables it is written to."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from stillwatch.records.schema import TEXT, TIME

VERDICTS = ("extraction", "review", "legitimate")
KINDS_OF_USE = (
    "extraction",
    "evaluation",
    "batch",
    "reseller",
    "agent",
    "shared_client",
    "cohort",
    "authorised",
    "unknown",
)
DATA_STATES = ("sufficient", "insufficient")
ROLES = ("member", "relay", "suspected")
ACCUSED_ROLES = ("member", "relay")
"""Roles of accounts that a group with the verdict `extraction` accuses."""
CONTENT, TIMING, INFRASTRUCTURE = "content", "timing and volume", "identity and infrastructure"
OUTSIDE = "other members"
"""Where a reason comes from that is no evidence of ours, and no family."""
FAMILIES = (CONTENT, TIMING, INFRASTRUCTURE)


@dataclass(frozen=True)
class Reason:
    """One reason for (`supports`) or against an accusation, in plain words with its figures.

    `null`: what the statistic is compared with, in words; None where nothing was tested (an agreement).
    `examples`: ids of a few accounts of the group in which it shows most; none for figures of the whole group.
    """

    behaviour: str
    family: str
    statement: str
    statistic: float | None
    p_value: float | None
    supports: bool
    null: str | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """One account of a group; `probability` that it takes part in this unauthorised extraction."""

    campaign_id: str
    account_id: str
    role: str
    probability: float
    exchanges: int


@dataclass(frozen=True)
class Campaign:
    """One group of accounts (or a single one) that was examined."""

    campaign_id: str
    verdict: str
    kind_of_use: str
    data_state: str
    probability: float
    log10_bayes_factor: float
    accounts: int
    exchanges: int
    first_time: datetime
    last_time: datetime
    detected_at: datetime | None
    reasons: tuple[Reason, ...]


CHANGES = ("new", "merged", "split", "verdict_changed", "grown", "shrunk", "continued", "ended")


@dataclass(frozen=True)
class Change:
    """What became of a group from one scan of a state to the next.

    `before` and `after` (verdict, accounts): null in what is new, and in what ended. `scan` numbers the scans of a state,
    `sequence` the changes that it keeps, both from 1; it is None for groups that were cleared before and after, and for
    those that did not change.
    """

    sequence: int | None
    scan: int
    at: datetime
    recorded_at: datetime
    campaign_id: str
    event: str
    previous_ids: tuple[str, ...]
    next_ids: tuple[str, ...]
    id_in_full_scan: str | None
    verdict_before: str | None
    verdict_after: str | None
    accounts_before: int | None
    accounts_after: int | None
    joined: int
    left: int
    exchanges: int | None
    probability: float | None
    behaviours: tuple[str, ...]


@dataclass(frozen=True)
class Lead:
    """A declared organisation whose name resembles one on a screening list: for a person to check, no evidence."""

    organisation: str
    accounts: int
    verified_accounts: int
    listed_name: str
    matched_name: str
    score: float
    source: str
    entity_number: str


REASON = pa.struct(
    [
        pa.field("behaviour", TEXT),
        pa.field("family", TEXT),
        pa.field("statement", TEXT),
        pa.field("statistic", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("supports", pa.bool_()),
        pa.field("null", TEXT),
        pa.field("examples", pa.list_(TEXT)),
    ]
)

CAMPAIGNS_SCHEMA = pa.schema(
    [
        pa.field("campaign_id", TEXT),
        pa.field("verdict", TEXT),
        pa.field("kind_of_use", TEXT),
        pa.field("data_state", TEXT),
        pa.field("probability", pa.float64()),
        pa.field("log10_bayes_factor", pa.float64()),
        pa.field("accounts", pa.int64()),
        pa.field("exchanges", pa.int64()),
        pa.field("first_time", TIME),
        pa.field("last_time", TIME),
        pa.field("detected_at", TIME),
        pa.field("reasons", pa.list_(REASON)),
    ]
)

MEMBERS_SCHEMA = pa.schema(
    [
        pa.field("campaign_id", TEXT),
        pa.field("account_id", TEXT),
        pa.field("role", TEXT),
        pa.field("probability", pa.float64()),
        pa.field("exchanges", pa.int64()),
    ]
)

HISTORY_SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.int64()),
        pa.field("scan", pa.int64()),
        pa.field("at", TIME),
        pa.field("recorded_at", TIME),
        pa.field("campaign_id", TEXT),
        pa.field("event", TEXT),
        pa.field("previous_ids", pa.list_(TEXT)),
        pa.field("next_ids", pa.list_(TEXT)),
        pa.field("id_in_full_scan", TEXT),
        pa.field("verdict_before", TEXT),
        pa.field("verdict_after", TEXT),
        pa.field("accounts_before", pa.int64()),
        pa.field("accounts_after", pa.int64()),
        pa.field("joined", pa.int64()),
        pa.field("left", pa.int64()),
        pa.field("exchanges", pa.int64()),
        pa.field("probability", pa.float64()),
        pa.field("behaviours", pa.list_(TEXT)),
    ]
)

HITS_SCHEMA = pa.schema(
    [
        pa.field("signature_id", TEXT),
        pa.field("account_id", TEXT),
        pa.field("exchanges", pa.int64()),
        pa.field("share", pa.float64()),
        pa.field("first_time", TIME),
        pa.field("last_time", TIME),
    ]
)

LEADS_SCHEMA = pa.schema(
    [
        pa.field("organisation", TEXT),
        pa.field("accounts", pa.int64()),
        pa.field("verified_accounts", pa.int64()),
        pa.field("listed_name", TEXT),
        pa.field("matched_name", TEXT),
        pa.field("score", pa.float64()),
        pa.field("source", TEXT),
        pa.field("entity_number", TEXT),
    ]
)
