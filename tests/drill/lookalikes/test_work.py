"""Bulk work with good reason."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from stillwatch.drill.clock import DAY, HOUR
from stillwatch.drill.exercise import START, Exercise, Settings, make
from stillwatch.drill.render import Renderer


def group(kind: str, seed: int = 7) -> tuple[Exercise, pa.Table, NDArray[np.void]]:
    e = make(Settings(f"class:{kind}", exchanges=15_000, accounts=900, seed=seed))
    table = Renderer(e.setting, e.accounts, e.streams).table(e.schedule, 0, len(e.schedule))
    own = np.isin(e.schedule.stream, [i for i, s in enumerate(e.streams) if s.group])
    numbers = next(n for n, name, _, _ in e.members if name)
    return e, table.filter(pa.array(own)), e.accounts[numbers]


@pytest.mark.parametrize(
    "kind", ["rag_backfill", "batch_classification", "labelling", "synthetic_data", "partner"]
)
def test_bulk_work_is_one_organisations_and_repeats_nothing(kind: str) -> None:
    _, rows, accounts = group(kind)
    assert len(np.unique(accounts["organisation"])) == 1
    assert accounts["organisation"][0] >= 0
    assert len(set(rows["input_text"].to_pylist())) == rows.num_rows


def test_a_backfill_is_over_within_days() -> None:
    _, rows, _ = group("rag_backfill")
    assert np.ptp(rows["time"].cast(pa.int64()).to_numpy()) < 3 * DAY


def test_labels_are_short() -> None:
    _, rows, _ = group("batch_classification")
    assert np.median(rows["output_tokens"].to_numpy()) < 20


def test_annotators_keep_office_hours() -> None:
    _, rows, accounts = group("labelling")
    local = (rows["time"].cast(pa.int64()).to_numpy() - START) / HOUR + float(accounts["offset"].mean())
    assert ((local % 24 >= 7) & (local % 24 < 20)).mean() > 0.75


def test_synthetic_data_runs_day_and_night_and_is_divided() -> None:
    _, rows, accounts = group("synthetic_data")
    hours = np.bincount(rows["time"].cast(pa.int64()).to_numpy() // HOUR % 24, minlength=24)
    assert hours.min() > 0.2 * hours.mean()
    assert len(set(rows["account_id"].to_pylist())) == len(accounts) > 1


def test_one_card_is_common_and_not_certain() -> None:
    single = []
    for seed in range(14):
        e = make(Settings("class:synthetic_data", exchanges=4000, accounts=600, seed=seed))
        numbers = next(n for n, name, _, _ in e.members if name)
        paying = e.accounts["payment"][numbers]
        single.append(len(np.unique(paying[paying > 0])) <= 1)
    assert 0.4 < np.mean(single) < 1


def test_a_partner_stays_inside_its_agreement() -> None:
    for seed in range(4):
        e, rows, accounts = group("partner", seed)
        (agreement,) = e.agreements
        assert agreement["organisation"] == accounts["organisation"][0]
        assert accounts["verified"].all()
        assert agreement["starts_at"] < START < e.setting.clock.end < agreement["ends_at"]
        assert agreement["max_exchanges"] is None or agreement["max_exchanges"] > rows.num_rows
