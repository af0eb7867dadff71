"""People who belong together."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from stillwatch.drill.clock import DAY, HOUR
from stillwatch.drill.exercise import START, Exercise, Settings, make
from stillwatch.drill.people import PAYMENT, PLAN
from stillwatch.drill.render import Renderer


def group(kind: str) -> tuple[Exercise, pa.Table, NDArray[np.void]]:
    e = make(Settings(f"class:{kind}", exchanges=12_000, accounts=900, seed=6))
    table = Renderer(e.setting, e.accounts, e.streams).table(e.schedule, 0, len(e.schedule))
    own = np.isin(e.schedule.stream, [i for i, s in enumerate(e.streams) if s.group])
    numbers = next(n for n, name, _, _ in e.members if name)
    return e, table.filter(pa.array(own)), e.accounts[numbers]


def test_a_class_has_one_campus_and_one_assignment() -> None:
    _, rows, accounts = group("class")
    assert set(accounts["plan"]) == {PLAN["education"]}
    campus = rows.filter(pa.compute.equal(rows["client_network"], "education"))
    assert len(set(campus["client_address"].to_pylist())) == 1
    assert 0.2 < campus.num_rows / rows.num_rows < 0.9
    assert len(set(rows["input_text"].to_pylist())) < 30


def test_a_course_is_the_same_exercises_from_everywhere() -> None:
    _, rows, accounts = group("course")
    assert len(np.unique(accounts["country"])) > 8
    assert len(set(rows["input_text"].to_pylist())) < 60


def test_a_hackathon_is_a_weekend_of_new_accounts_that_pay_nothing() -> None:
    _, rows, accounts = group("hackathon")
    assert set(accounts["payment_kind"]) == {PAYMENT["none"]}
    assert np.ptp(accounts["created"]) < 2 * DAY
    times = rows["time"].cast(pa.int64()).to_numpy()
    assert np.ptp(times) < 4 * DAY
    assert len(np.unique(accounts["main_key"])) == 1


def test_a_company_works_in_office_hours_on_one_invoice() -> None:
    _, rows, accounts = group("company")
    assert set(accounts["payment_kind"]) == {PAYMENT["invoice"]}
    assert len(np.unique(accounts["payment"])) == 1
    local = (rows["time"].cast(pa.int64()).to_numpy() - START) / HOUR + float(accounts["offset"].mean())
    assert ((local % 24 >= 7) & (local % 24 < 20)).mean() > 0.75
    assert accounts["verified"].all()


@pytest.mark.parametrize("kind", ["class", "course", "hackathon", "company"])
def test_nobody_asks_before_signing_up(kind: str) -> None:
    e, _, _ = group(kind)
    assert (e.schedule.time > e.accounts["created"][e.schedule.account]).all()
