"""What a person is told about one group, beside its row in the tables: the report's input."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stillwatch.records.findings import Campaign, Member


@dataclass(frozen=True)
class ReadableTemplate:
    """A template as people read it: pieces in order, each literal text or a slot whose content varies."""

    pieces: tuple[
        tuple[str, bool], ...
    ]  # (text, is_slot); a slot's text is a short label such as "…" or "number"
    exchanges: int
    accounts: int


@dataclass(frozen=True)
class SharedThing:
    """A thing that accounts of the group share: a card, an address, a client, a template.

    `label` is safe to show (digests shortened, addresses masked).
    """

    thing_id: str
    kind: str  # payment, address, network, fingerprint, telephone, mail, template, system prompt ...
    label: str
    accounts: int  # of the group
    outside: int  # accounts outside the group that have it too


@dataclass(frozen=True)
class Rival:
    """How well one kind of use explains the group, against the best benign one (log10 likelihood ratio)."""

    kind: str
    log10_likelihood: float  # relative to the best explanation, so the best one has 0
    statement: str


@dataclass(frozen=True)
class Story:
    """One card of the report."""

    campaign: Campaign
    statement: str  # two or three sentences in plain words
    members: tuple[Member, ...]
    hours: tuple[int, ...] = ()  # start of each hour, seconds since the epoch, without gaps
    exchanges_by_hour: tuple[int, ...] = ()
    things: tuple[SharedThing, ...] = ()
    links: tuple[tuple[str, str], ...] = ()  # (account_id, thing_id), a sample when there are many
    templates: tuple[ReadableTemplate, ...] = ()
    examples: tuple[str, ...] = ()  # example requests, redacted unless the user asked for raw text
    rivals: tuple[Rival, ...] = ()
    notes: tuple[str, ...] = field(
        default=()
    )  # limits of agreements that were exceeded, data that were missing


@dataclass(frozen=True)
class Examined:
    """What a scan looked at as a whole: the head of the report."""

    accounts: int
    exchanges: int
    rejected: dict[str, int]
    first_time: str
    last_time: str
    prior: float
    absent_columns: dict[str, str]  # column -> what its absence cost
    settings: dict[str, object]
    version: str
    raw_examples: bool = False
    accounts_known: int | None = (
        None  # accounts of the logs that have a row in the accounts table; None without one
    )
    dropped: Mapping[str, int] = field(default_factory=dict)  # values not used of rows that were
    files_lost: tuple[tuple[str, str], ...] = ()  # files that could not be read to their end, and why
    screening: tuple[
        tuple[str, str], ...
    ] = ()  # declared organisation, and the name on a list that it resembles
    exemptions: tuple[tuple[str, str], ...] = ()  # exemption with its state, and what it did
    cleared_beside: int = 0  # groups that were cleared, of which the report has no story
    wordings: str = ""  # why wordings can't be shown, or not all; empty where they can
    shadow: str = ""  # how shadow settings would have judged otherwise; empty without them
