"""Changed copies of an exercise's usage files: one kind of skew each, beside the same rows without it.

Both copies of a case have the exercise's rows, in its order, and all of its accounts, and differ in one thing only:

- `template`: every other exchange of so many accounts asks, as its input text, a template whose slot holds what it asked
  before. Skewed all accounts have one template; else each has one of its own, which is the same text under a cipher: as
  many bytes and words, and no phrase that two accounts share. (The same words in other orders would not do: of 24,000
  accounts several have any three of 48 words in a row.)
- `reseller`: half of all rows go through one account, as requests of end users with a credential and an address each.
  Unskewed the same rows, with the same end users, credentials and addresses, belong to the accounts that sent them.
- `heavy`: so many rows are of one account with one credential and one address. Unskewed they are of the accounts that sent
  them, each of which has one credential and one address for them.
- `address`: all rows of so many accounts come from one carrier's address. Unskewed each of these accounts has one of that
  carrier's addresses for itself.

Rows that change hands are spread evenly over the exercise; the first of each account stays, so that no account vanishes.
The one account is the enterprise account that was made first. Rows are read and written by batches, and what is held beside
them follows accounts.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BATCH = 1 << 17
SHARED = "10.255.255.254"
CARRIER: dict[str, Any] = {"client_asn": 64496, "client_network": "mobile", "client_country": "US"}
"""What goes with the shared address, and with the addresses beside it (the number is kept for documentation, RFC 5398)."""
HEAD = (
    "please take the note below as one of our field reports and sort what it says under the headings that the office"
    " has agreed on for this season"
)
TAIL = "then give every heading its place from one to nine and name the reports that still lack a date"
"""What the template says before and after its slot: no mark of elicitation."""
LETTERS = string.ascii_lowercase

Ints = npt.NDArray[np.int64]
Change = Callable[[pa.RecordBatch, Ints], dict[str, pa.Array]]
"""Given a batch and the account numbers of its rows: columns in place of those of the same name."""


@dataclass(frozen=True)
class Sizes:
    """How much of each skew there is."""

    template_accounts: int
    reseller_exchanges: int
    heavy_exchanges: int
    address_accounts: int


@dataclass(frozen=True)
class Crowd:
    """Who sends how much in an exercise: account ids in their order, which numbers them, and the rows of each."""

    ids: pa.Array
    rows: Ints
    one: int
    """Number of the account that gets what others sent."""

    @classmethod
    def of(cls, drill: Path) -> "Crowd":
        """Count an exercise. One without an enterprise account that sent anything ends the benchmark."""
        with duckdb.connect() as connection:
            counted: pa.Table = connection.sql(
                "SELECT account_id, count(*) AS rows FROM read_parquet($files) GROUP BY ALL ORDER BY account_id",
                params={"files": str(drill / "usage" / "*.parquet")},
            ).to_arrow_table()
        ids = counted["account_id"].combine_chunks().cast(pa.large_string())
        plans = pq.read_table(
            drill / "accounts.parquet",
            columns=["account_id", "plan", "created_at"],
            filters=[("plan", "=", "enterprise")],
        ).sort_by([("created_at", "ascending"), ("account_id", "ascending")])
        at = pc.index_in(plans["account_id"].cast(pa.large_string()), value_set=ids).drop_null()
        if not len(at):
            raise SystemExit(f"{drill}: no enterprise account sent anything; take a larger exercise")
        return cls(ids, counted["rows"].to_numpy(), at[0].as_py())

    def numbers(self, batch: pa.RecordBatch) -> Ints:
        """Account numbers of a batch's rows."""
        found = pc.index_in(batch["account_id"].cast(pa.large_string()), value_set=self.ids)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def addresses(numbers: Ints) -> pa.Array:
    """One private address (RFC 1918) for each number below 2^24 - 2."""
    return pa.array([f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in numbers.tolist()], pa.large_string())


class Mover:
    """Chooses `wanted` rows that change hands: evenly among all but the first of each account, and none of `one`'s own."""

    def __init__(self, crowd: Crowd, wanted: int) -> None:
        self.one = crowd.one
        self.wanted = wanted - int(crowd.rows[crowd.one])
        self.eligible = int(crowd.rows.sum() - crowd.rows[crowd.one]) - (len(crowd.ids) - 1)
        if not 0 <= self.wanted <= self.eligible:
            raise SystemExit(
                f"{wanted:,} exchanges of one account: at most {self.eligible:,} of this exercise can be given to one"
                f" that has {int(crowd.rows[crowd.one]):,}; take a larger exercise, or a smaller --scale"
            )
        self._met = np.zeros(len(crowd.ids), dtype=bool)
        self._met[crowd.one] = True
        self._passed = 0

    def moved(self, numbers: Ints) -> npt.NDArray[np.bool_]:
        """Along a batch's rows, which have to come in the order of the files: does it change hands?"""
        may = numbers != self.one
        who, first = np.unique(numbers, return_index=True)
        may[first[~self._met[who]]] = False
        self._met[who] = True
        place = self._passed + np.arange(int(may.sum()), dtype=np.int64)
        self._passed += len(place)
        chosen = np.zeros(len(numbers), dtype=bool)
        steps = max(self.eligible, 1)
        chosen[may] = (place + 1) * self.wanted // steps > place * self.wanted // steps
        return chosen


def template(crowd: Crowd, sizes: Sizes, *, skewed: bool) -> Change:
    """One template over many accounts, or one for each."""
    n = most(crowd, sizes.template_accounts)
    draw = np.random.default_rng(n)
    heads, tails = [], []
    for _ in range(n):
        letters = LETTERS if skewed else "".join(draw.permutation(list(LETTERS)))
        cipher = str.maketrans(LETTERS, letters)
        heads.append(HEAD.translate(cipher))
        tails.append(TAIL.translate(cipher))
    before, after = pa.array(heads, pa.large_string()), pa.array(tails, pa.large_string())
    sent = np.zeros(len(crowd.ids), dtype=np.int64)

    def change(batch: pa.RecordBatch, numbers: Ints) -> dict[str, pa.Array]:
        order = np.argsort(numbers, kind="stable")
        ranked = numbers[order]
        turn = np.empty(len(numbers), dtype=np.int64)
        turn[order] = sent[ranked] + np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
        np.add.at(sent, numbers, 1)
        asks = pa.array((numbers < n) & (turn % 2 == 0))
        who = pa.array(np.minimum(numbers, n - 1))
        slot = pc.coalesce(batch["input_text"], batch["event_id"]).cast(pa.large_string())
        text = _joined("\n", before.take(who), slot, after.take(who))
        return {"input_text": pc.if_else(asks, text, batch["input_text"])}

    return change


def reseller(crowd: Crowd, sizes: Sizes, *, skewed: bool) -> Change:
    """Requests of end users, through one account or through those that sent them."""
    mover = Mover(crowd, sizes.reseller_exchanges)
    place = addresses(np.arange(len(crowd.ids)))

    def change(batch: pa.RecordBatch, numbers: Ints) -> dict[str, pa.Array]:
        who = pa.array(numbers)
        user = crowd.ids.take(who)
        found = {
            "end_user_id": _joined("-", "user", user),
            "credential_id": _joined("-", "resold", user),
            "client_address": place.take(who),
        }
        if skewed:
            found["account_id"] = crowd.ids.take(pa.array(np.full(len(numbers), crowd.one)))
        return _where(batch, mover.moved(numbers), found)

    return change


def heavy(crowd: Crowd, sizes: Sizes, *, skewed: bool) -> Change:
    """Requests with one credential from one address, of one account or of each that sent them."""
    mover = Mover(crowd, sizes.heavy_exchanges)
    place = addresses(np.arange(len(crowd.ids)))

    def change(batch: pa.RecordBatch, numbers: Ints) -> dict[str, pa.Array]:
        who = pa.array(np.full(len(numbers), crowd.one) if skewed else numbers)
        account = crowd.ids.take(who)
        found = {
            "account_id": account,
            "credential_id": _joined("-", "service", account),
            "client_address": place.take(who),
        }
        return _where(batch, mover.moved(numbers), found)

    return change


def address(crowd: Crowd, sizes: Sizes, *, skewed: bool) -> Change:
    """Accounts of one carrier, behind one address or each behind its own."""
    n = most(crowd, sizes.address_accounts)
    place = pa.repeat(pa.scalar(SHARED, pa.large_string()), n) if skewed else addresses(np.arange(n))

    def change(batch: pa.RecordBatch, numbers: Ints) -> dict[str, pa.Array]:
        found = {"client_address": place.take(pa.array(np.minimum(numbers, n - 1)))}
        for name, value in CARRIER.items():
            found[name] = pa.repeat(pa.scalar(value), len(numbers))
        return _where(batch, numbers < n, found)

    return change


CASES = {"template": template, "reseller": reseller, "heavy": heavy, "address": address}


def most(crowd: Crowd, wanted: int) -> int:
    """So many accounts, if the exercise has them; fewer end the benchmark."""
    if not 0 < wanted <= len(crowd.ids):
        raise SystemExit(f"{wanted:,} accounts: this exercise has {len(crowd.ids):,}")
    return wanted


def _joined(between: str, *parts: Any) -> pa.Array:
    """Texts put together, row by row."""
    text = pa.large_string()
    columns = [pa.scalar(part, text) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*columns, pa.scalar(between, text))


def _where(
    batch: pa.RecordBatch, chosen: npt.NDArray[np.bool_], found: dict[str, pa.Array]
) -> dict[str, pa.Array]:
    """What was found where a row is chosen, and what stands there elsewhere."""
    mask = pa.array(chosen)
    return {
        name: pc.if_else(mask, column.cast(batch.schema.field(name).type), batch[name])
        for name, column in found.items()
    }


def write_copy(usage: Path, folder: Path, crowd: Crowd, change: Change) -> int:
    """The usage files with some columns changed, in `folder`, which is made; how many rows there are."""
    folder.mkdir(parents=True)
    rows = 0
    for file in sorted(usage.glob("*.parquet")):
        parquet = pq.ParquetFile(file)
        schema = parquet.schema_arrow
        with pq.ParquetWriter(folder / file.name, schema) as writer:
            for batch in parquet.iter_batches(BATCH):
                new = change(batch, crowd.numbers(batch))
                columns = [new[f.name].cast(f.type) if f.name in new else batch[f.name] for f in schema]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
                rows += batch.num_rows
    return rows
