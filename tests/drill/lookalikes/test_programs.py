"""Programs that look alike: what makes each of them what it is."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.drill.clock import DAY
from stillwatch.drill.exercise import Exercise, Settings, make
from stillwatch.drill.render import Renderer


def group(kind: str, seed: int = 5, *knobs: str) -> tuple[Exercise, pa.Table, Any]:
    """The exercise, the group's rows, and its accounts."""
    e = make(Settings(f"class:{kind}", exchanges=12_000, accounts=900, seed=seed, knobs=knobs))
    table = Renderer(e.setting, e.accounts, e.streams).table(e.schedule, 0, len(e.schedule))
    own = np.isin(e.schedule.stream, [i for i, s in enumerate(e.streams) if s.group])
    numbers = next(n for n, name, _, _ in e.members if name)
    return e, table.filter(pa.array(own)), e.accounts[numbers]


def test_a_benchmark_is_the_same_items_by_strangers_after_the_release() -> None:
    e, rows, accounts = group("benchmark_harness")
    assert len(set(rows["input_text"].to_pylist())) < 0.2 * rows.num_rows
    paying = accounts["payment"][accounts["payment"] > 0]
    assert len(np.unique(paying)) == len(paying)
    times = rows["time"].cast(pa.int64()).to_numpy()
    assert times.min() >= e.setting.models.launch
    assert np.median(times) < e.setting.models.launch + 3 * DAY


def test_a_monitor_asks_the_same_at_regular_intervals() -> None:
    _, rows, _ = group("output_monitor", 5, "items=10")
    assert len(set(rows["input_text"].to_pylist())) == 10
    one = rows.filter(pa.compute.equal(rows["account_id"], rows["account_id"][0].as_py()))
    text = one["input_text"][0].as_py()
    times = one.filter(pa.compute.equal(one["input_text"], text))["time"].cast(pa.int64()).to_numpy()
    gaps = np.diff(np.sort(times))
    assert gaps.std() < 0.1 * gaps.mean()


def test_researchers_are_verified_and_often_refused() -> None:
    _, rows, accounts = group("safety_research")
    assert accounts["verified"].all()
    assert rows["status"].to_pylist().count("refused") > 0.25 * rows.num_rows


def test_ci_agents_share_a_program_and_never_an_address() -> None:
    _, rows, _ = group("ci_agent")
    assert len(set(rows["tls_ja4"].to_pylist())) == 1
    assert len(set(rows["client_address"].to_pylist())) > 0.2 * rows.num_rows
    assert set(rows["client_network"].to_pylist()) == {"hosting"}
    assert min(rows["tool_count"].to_pylist()) > 0


def test_a_popular_client_has_one_system_prompt_and_own_words() -> None:
    _, rows, _ = group("popular_client")
    assert len(set(rows["system_text"].to_pylist())) == 1
    assert len(rows["system_text"][0].as_py()) > 300
    assert len(set(rows["input_text"].to_pylist())) > 0.5 * rows.num_rows


def test_an_extension_wraps_strangers_own_words() -> None:
    _, rows, accounts = group("prompt_extension")
    assert len(set(rows["input_text"].to_pylist())) > 0.9 * rows.num_rows
    starts = [t[:12] for t in rows["input_text"].to_pylist()]
    ends = [t[-12:] for t in rows["input_text"].to_pylist()]
    common = max(max(map(x.count, set(x))) for x in (starts, ends))
    assert common > 0.25 * rows.num_rows
    assert len(accounts) > 20


def test_followers_type_the_same_few_prompts() -> None:
    _, rows, _ = group("tutorial_followers", 5, "items=8")
    assert len(set(rows["input_text"].to_pylist())) <= 8


@pytest.mark.parametrize(("kind", "passes"), [("reseller", True), ("gateway", False)])
def test_resellers_pass_users_on_and_gateways_do_not(kind: str, passes: bool) -> None:
    _, rows, accounts = group(kind)
    assert len(set(rows["client_address"].to_pylist())) <= 2 * len(accounts)
    users = set(rows["end_user_id"].to_pylist()) - {None}
    assert (len(users) > 15) if passes else (len(users) < 15 * len(accounts))
    assert len(set(rows["input_text"].to_pylist())) > 0.5 * rows.num_rows
