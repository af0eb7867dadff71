"""Does an exercise give its truth away by artefacts? Features that a detector must not be able to win by.

They say nothing about behaviour: hexadecimal digits of ids, place in the files, which columns are null, digits of
times. A shallow model on them should do no better than chance (benchmarks/leaks.py, tests/drill/test_leaks.py).
"""

from pathlib import Path

import duckdb
import numpy as np

from stillwatch.drill.randomness import Arr, generator

DIGITS = 8  # leading and trailing digits of an id that are examined
_NULLABLE = (
    "credential_id",
    "end_user_id",
    "conversation_id",
    "user_agent",
    "max_tokens",
    "temperature",
    "system_text",
    "output_text",
    "tool_count",
    "logprobs",
)
_DIGITS = {  # each uniform on 0 to 1 if nothing leaks
    "micros": "(epoch_us(time) % 1000 + 0.5) / 1000",
    "millis": "(epoch_us(time) // 1000 % 1000 + 0.5) / 1000",
    "last_digit": "(epoch_us(time) % 10 + 0.5) / 10",
    "event_end": "('0x' || right(event_id, 4))::int / 65535.0",
    "event_start": "('0x' || left(event_id, 4))::int / 65535.0",
}
_ACCOUNT_NULLABLE = (
    "organisation",
    "email_domain",
    "email_fingerprint",
    "phone_fingerprint",
    "payment_fingerprint",
)


def features(folder: Path, *, seed: int = 0) -> tuple[Arr, Arr, tuple[str, ...]]:
    """Features of campaign accounts and of as many others on the same surface and plan.

    Returns (features, shape (accounts, features); truth, shape (accounts,), 1 for a campaign's; names). `folder` is
    what `drill` wrote. The others are ordinary accounts: look-alike groups have nulls of their own (a popular client
    always sends a system prompt, a class pays nothing), which is how the world is and not an artefact. Accounts
    without a match of their surface, plan and number of exchanges (in powers of two) are left out. finish_reason is
    no feature, since a blocked request has none, and blocks are behaviour.
    """
    nulls = ", ".join(f"min_by(({c} is null)::int, event_id) as null_{c}" for c in _NULLABLE)
    of_account = ", ".join(f"({c} is null)::int as null_{c}" for c in _ACCOUNT_NULLABLE)
    # Means of digits are put on one scale whatever the number of rows, and nulls are those of one row drawn by its id:
    # else their spread and their grain would tell the account's volume, which is behaviour.
    digits = ", ".join(f"(avg({of}) - 0.5) * sqrt(12 * count(*)) as {name}" for name, of in _DIGITS.items())
    connection = duckdb.connect()
    connection.execute("set threads to 2")
    rows = connection.execute(
        f"""
        with u as (
            select *, row_number() over (partition by filename order by file_row_number) as place,
                   count(*) over (partition by filename) as length
            from read_parquet(?, filename = true, file_row_number = true)
        ), per as (
            select account_id, any_value(surface) as surface, count(*) as n,
                   {digits},
                   {nulls}
            from u group by account_id
        ), a as (
            select account_id, plan, (file_row_number + 1.0) / count(*) over () as place_in_file,
                   (epoch_us(created_at) % 1000000) / 1e6 as created_digits, {of_account}
            from read_parquet(?, file_row_number = true)
        ), guilty as (
            select account_id from read_parquet(?) join read_parquet(?) using (group_id) where unauthorised
        ), grouped as (
            select account_id from read_parquet(?) where group_id is not null
        )
        select (account_id in (from guilty))::int as guilty, surface, plan, floor(log2(n))::int as volume,
               * exclude (account_id, surface, plan, n), account_id
        from per join a using (account_id)
        where account_id in (from guilty) or account_id not in (from grouped)
        order by account_id
        """,
        [
            str(folder / "usage" / "*.parquet"),
            str(folder / "accounts.parquet"),
            str(folder / "truth" / "accounts.parquet"),
            str(folder / "truth" / "groups.parquet"),
            str(folder / "truth" / "accounts.parquet"),
        ],
    ).fetchnumpy()
    connection.close()
    chosen = _match(rows["guilty"], [rows["surface"], rows["plan"], rows["volume"]], seed)
    names = [k for k in rows if k not in ("guilty", "surface", "plan", "volume", "account_id")]
    table = [np.asarray(rows[k], dtype=float) for k in names]
    ids = rows["account_id"].astype(str)
    for side in ("start", "end"):
        for i in range(DIGITS):
            table.append(np.array([int(x[i if side == "start" else -1 - i], 16) for x in ids], dtype=float))
            names.append(f"account_{side}_{i}")
    x = np.stack(table, axis=1)[chosen]
    return np.nan_to_num(x, nan=-1.0), np.asarray(rows["guilty"])[chosen].astype(int), tuple(names)


def _match(guilty: Arr, by: list[Arr], seed: int) -> Arr:
    """Rows of the guilty and of equally many others in each stratum, at random, in random order."""
    rng = generator(seed, "leaks")
    strata: dict[tuple[str, ...], tuple[list[int], list[int]]] = {}
    for i, mark in enumerate(guilty):
        strata.setdefault(tuple(str(b[i]) for b in by), ([], []))[int(mark)].append(i)
    kept: list[int] = []
    for innocent, culprits in strata.values():
        n = min(len(innocent), len(culprits))
        for group in (innocent, culprits):
            kept += [group[i] for i in rng.permutation(len(group))[:n]]
    return rng.permutation(np.array(sorted(kept), dtype=np.int64))
