"""The words that may leave a member: buckets for counts, bands for probabilities, names for what was seen.

An object that is shared is made of these and of nothing else, so nothing of a customer's can be in it.
"""

from datetime import UTC, datetime, timedelta

from stillwatch.records.errors import InputError
from stillwatch.records.findings import FAMILIES

COUNT_BUCKETS = ("1-9", "10-99", "100-999", "1000-9999", "10000-99999", "100000-999999", "1000000+")
P_VALUE_BUCKETS = ("none", "above 0.05", "0.001 to 0.05", "0.000001 to 0.001", "below 0.000001")
STRENGTHS = ("bare", "substantial", "strong", "decisive")
"""Grades of evidence by log10 Bayes factor (Kass and Raftery 1995, section 3.2): .5, 1 and 2 part them."""

CONFIDENCES = (15, 50, 85)
"""Low, medium and high on the scale of STIX 2.1, appendix A."""

BASES = ("observation", "inference")
INDICATOR_NAMES = (
    "Unauthorised extraction of a model",
    "Template of requests that extract a model",
    "Behaviour of accounts that extract a model",
    "Infrastructure of accounts that extract a model",
)
SUSPECT_NAME, TEACHER_NAME = "Suspect model", "Model of a member"
LEAST_ACCOUNTS = 5
"""Of a group or a template that is shared: `k` of the disclosure rules, which hold it."""

SIZE_BUCKETS = (f"{LEAST_ACCOUNTS}-9", *COUNT_BUCKETS[1:])
"""Of accounts, where fewer than LEAST_ACCOUNTS are not shared."""

OPINIONS = ("strongly-disagree", "disagree", "neutral", "agree", "strongly-agree")
EXPLANATIONS = ("false-positive", "seen here too", "not seen here", "too broad")
ACTIONS = ("Observe", "Verify identity or business", "Throttle", "Limit output", "Mark output", "Block")
TESTS = ("similarity", "keyed marks")
GRADES = ("keyed", "similarity")
CORRECTIONS = ("none", "bonferroni", "benjamini-hochberg")
LEGAL_BASES = ("fraud", "evasion", "terms only", "not assessed")
BEHAVIOURS = (
    "account_succession",
    "capability_focus",
    "disposable_identity",
    "divided_work_list",
    "even_volumes",
    "full_rate_at_once",
    "heavy_account",
    "older_model",
    "plan_misfit",
    "reasoning_elicitation",
    "release_pivot",
    "replayed_block",
    "round_the_clock",
    "rubric_grading",
    "safety_rewrites",
    "shared_address",
    "shared_contact",
    "shared_payment",
    "shared_template",
    "signup_burst",
    "spread_addresses",
    "synchronised_activity",
    "technique_search",
    "thinking_language",
    "traffic_spike",
)
UNLISTED = "unlisted"
"""Stands for a behaviour or family that the vocabulary does not hold."""

ELICITATION = {
    "reasoning_elicitation": "reasoning",
    "replayed_block": "replayed reasoning",
    "rubric_grading": "grading",
    "safety_rewrites": "rewrites",
    "thinking_language": "language of reasoning",
}
"""What a behaviour says about the kind of answers that were harvested."""

_LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)


def count_bucket(count: int) -> str:
    """The power-of-ten bucket of a count; 0 and less count as 1, for a group has at least one of each."""
    digits = len(str(max(count, 1)))
    return COUNT_BUCKETS[min(digits, len(COUNT_BUCKETS)) - 1]


def count_floor(count: int) -> int:
    """The least count of the bucket of `count`."""
    return int(10 ** COUNT_BUCKETS.index(count_bucket(count)))


def size_bucket(accounts: int) -> str:
    """The bucket of a number of accounts. Raises InputError for fewer than LEAST_ACCOUNTS."""
    if accounts < LEAST_ACCOUNTS:
        raise InputError(
            f"{accounts} accounts are fewer than {LEAST_ACCOUNTS}",
            mend="share what more accounts have in common",
        )
    return count_bucket(accounts) if accounts >= 10 else SIZE_BUCKETS[0]


def p_value_bucket(p_value: float | None) -> str:
    """The bucket of a p-value; `none` where there is none, or where it is no number."""
    if p_value is None or not 0 <= p_value <= 1:
        return P_VALUE_BUCKETS[0]
    edges = (0.05, 1e-3, 1e-6)
    return P_VALUE_BUCKETS[1 + sum(p_value <= edge for edge in edges)]


def strength(log10_bayes_factor: float) -> str:
    """The grade of evidence for extraction."""
    return STRENGTHS[sum(log10_bayes_factor > edge for edge in (0.5, 1.0, 2.0))]


def confidence(probability: float) -> int:
    """The band of a probability on STIX's scale of confidence."""
    return CONFIDENCES[sum(probability >= edge for edge in (0.3, 0.7))]


def behaviour(name: str) -> str:
    """The behaviour's name if the vocabulary holds it, else `unlisted`."""
    return name if name in BEHAVIOURS else UNLISTED


def family(name: str) -> str:
    """The family's name if the vocabulary holds it, else `unlisted`."""
    return name if name in FAMILIES else UNLISTED


def day(time: datetime) -> datetime:
    """The start of the day, UTC; a time without a zone is taken as UTC."""
    try:
        zoned = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar, in a zone that leads out of it
        zoned = time.replace(tzinfo=UTC)
    return zoned.replace(hour=0, minute=0, second=0, microsecond=0)


def day_after(time: datetime) -> datetime:
    """The start of the next day, UTC."""
    start = day(time)
    return start + timedelta(days=1) if start < _LAST_DAY else start


def stamp(time: datetime) -> str:
    """A time as STIX 2.1 writes it, to the day."""
    return f"{day(time).replace(tzinfo=None).isoformat()}.000Z"
