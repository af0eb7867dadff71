"""A neighbour: a hand-weighted sum of signs of single accounts, as published open-source tools make it.

Weights and cuts follow Glasswally (github.com/m0rs3c0d3/Glasswally, MIT: engine/fusion.rs and workers/), the only public
tool of this kind that was found, as far as our records have what it reads; the code is our own. Left out is what
stands for a country or people (its uplift for one country, its hours of the night in UTC). Added are the means of
payment and ever-new addresses, which others in the field look at.
"""

from pathlib import Path

import duckdb

PHRASES = (
    "chain of thought",
    "chain-of-thought",
    "step by step",
    "step-by-step",
    "show every step",
    "show each step",
    "your reasoning",
    "the reasoning",
    "reward model",
    "rubric",
    "act as a judge",
    "act as a grader",
    "politically sensitive",
    "reinforcement learning",
    "only in json",
    "only with json",
)
"""Marks of elicitation in English, as such tools have them."""

SCRIPTED = ("python", "node", "axios", "curl", "okhttp", "guzzle", "aiohttp", "httpx", "go-http", "java/")
"""Client programs that are libraries."""

WORKERS: tuple[tuple[str, float, tuple[tuple[float, str], ...]], ...] = (
    (
        "fingerprint",
        0.30,
        (
            (0.30, "scripted > 0.5"),
            (0.30, "hosting > 0.5"),
            (0.35, "system_reuse >= 0.8 AND with_system >= 5"),
            (0.35, "system_accounts >= 5"),
            (0.15, "system_accounts >= 10"),
        ),
    ),
    (
        "velocity",
        0.23,
        (
            (0.25, "busiest_hour > 60"),
            (0.20, "busiest_hour > 200"),
            (0.15, "gap_cv < 0.5"),
            (0.15, "gap_cv < 0.3"),
            (0.15, "token_cv < 0.15"),
            (0.20, "exchanges > 500"),
        ),
    ),
    ("elicitation", 0.23, ((0.40, "elicited > 0"), (0.35, "elicited >= 0.2"), (0.25, "refused >= 0.3"))),
    (
        "hydra",
        0.14,
        (
            (0.50, "address_accounts >= 5"),
            (0.50, "card_accounts >= 3"),
            (0.20, "addresses >= 10"),
            (0.20, "payment_kind IN ('prepaid_card', 'virtual_card')"),
        ),
    ),
    ("pivot", 0.10, ((1.0, "pivoted >= 0.5"),)),
)
"""Worker, its weight in the sum, and (points, condition) of its signs; points of a worker add up to 1 at most."""

FLAG, SUSPEND = 0.55, 0.72
"""From which sum on the tool flags an account for review, and suspends it."""

_SIGNS = """
WITH u AS (SELECT * FROM read_parquet($usage)),
hours AS (
    SELECT account_id, max(n) AS busiest_hour
    FROM (SELECT account_id, date_trunc('hour', time), count(*) AS n FROM u GROUP BY ALL) GROUP BY ALL),
gaps AS (
    SELECT account_id, CASE WHEN count(*) >= 4 THEN stddev_pop(gap) / nullif(avg(gap), 0) END AS gap_cv
    FROM (SELECT account_id, epoch(time - lag(time) OVER (PARTITION BY account_id ORDER BY time)) AS gap FROM u)
    WHERE gap < 3600 GROUP BY ALL),
systems AS (SELECT account_id, system_text, count(*) AS n FROM u WHERE system_text IS NOT NULL GROUP BY ALL),
spread AS (SELECT system_text, count(*) AS holders FROM systems GROUP BY ALL),
preambles AS (
    SELECT account_id, max(n) / sum(n) AS system_reuse, sum(n) AS with_system, max(holders) AS system_accounts
    FROM systems JOIN spread USING (system_text) GROUP BY ALL),
places AS (SELECT DISTINCT account_id, client_address FROM u WHERE client_address IS NOT NULL),
crowds AS (SELECT client_address, count(*) AS holders FROM places GROUP BY ALL),
addresses AS (
    SELECT account_id, count(*) AS addresses, max(holders) AS address_accounts
    FROM places JOIN crowds USING (client_address) GROUP BY ALL),
totals AS (
    SELECT account_id, count(*) AS exchanges,
        avg((client_network = 'hosting')::INT) AS hosting,
        avg(regexp_matches(lower(coalesce(user_agent, '')), $scripted)::INT) AS scripted,
        avg(regexp_matches(lower(coalesce(input_text, '')), $phrases)::INT) AS elicited,
        avg((status = 'refused')::INT) AS refused,
        CASE WHEN count(*) >= 5 THEN stddev_pop(input_tokens) / nullif(avg(input_tokens), 0) END AS token_cv,
        avg(coalesce(epoch(time - released_at) BETWEEN 0 AND 86400, false)::INT) AS pivoted
    FROM u LEFT JOIN read_parquet($releases) r ON r.model = u.model GROUP BY ALL),
accounts AS (
    SELECT account_id, payment_kind,
        CASE WHEN payment_fingerprint IS NOT NULL
            THEN count(*) OVER (PARTITION BY payment_fingerprint) END AS card_accounts
    FROM read_parquet($accounts))
SELECT account_id, {score} AS score
FROM totals LEFT JOIN hours USING (account_id) LEFT JOIN gaps USING (account_id)
    LEFT JOIN preambles USING (account_id) LEFT JOIN addresses USING (account_id)
    LEFT JOIN accounts USING (account_id)
ORDER BY account_id
"""


def scores(drill: Path) -> dict[str, float]:
    """The weighted sum (0 to 1) of each account in the logs of an exercise."""
    terms = [
        f"{weight} * least(1, "
        + " + ".join(f"{points} * coalesce(({sign})::INT, 0)" for points, sign in signs)
        + ")"
        for _, weight, signs in WORKERS
    ]
    asked = {
        "usage": str(drill / "usage" / "*.parquet"),
        "releases": str(drill / "releases.parquet"),
        "accounts": str(drill / "accounts.parquet"),
        "scripted": "|".join(SCRIPTED),
        "phrases": "|".join(PHRASES),
    }
    with duckdb.connect() as base:
        return dict(base.execute(_SIGNS.format(score=" + ".join(terms)), asked).fetchall())
