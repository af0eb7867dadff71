"""Rows to records: order, status, tokens, addresses."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stillwatch.drill.exercise import Settings, make
from stillwatch.drill.render import Renderer, Schedule
from stillwatch.drill.traffic import Stream
from stillwatch.drill.voices import Ordinary


@pytest.fixture(scope="module")
def table() -> pa.Table:
    e = make(Settings("small", seed=8))
    return Renderer(e.setting, e.accounts, e.streams).table(e.schedule, 0, len(e.schedule))


def stream(times: list[int], first: int, series: str = "") -> Stream:
    n = len(times)
    prompts = make(Settings("small", exchanges=3000, accounts=300)).setting.prompts
    zero = np.zeros(n, np.int32)
    session = np.arange(n, dtype=np.int32)
    return Stream(Ordinary(prompts), zero + first, np.array(times), session, zero + 1, zero, series=series)


def test_a_schedule_is_sorted_and_conversations_of_streams_stay_apart() -> None:
    apart = Schedule.assemble([stream([5, 1], 0), stream([3, 2], 1)], 1)
    assert apart.time.tolist() == [1, 2, 3, 5]
    assert apart.account.tolist() == [0, 1, 1, 0]
    assert len(set(apart.session.tolist())) == 4
    together = Schedule.assemble([stream([5, 1], 0, "s"), stream([3, 2], 1, "s"), stream([9], 2)], 1)
    assert sorted(together.session.tolist()) == [0, 0, 1, 1, 2]


def test_ties_are_in_no_order_of_streams() -> None:
    s = Schedule.assemble([stream([7] * 200, 0), stream([7] * 200, 1)], 1)
    assert 60 < s.account[:200].sum() < 140


def test_columns_agree_with_each_other(table: pa.Table) -> None:
    status = np.array(table["status"].to_pylist())
    out = table["output_tokens"].to_numpy()
    finish = np.array([f or "" for f in table["finish_reason"].to_pylist()])
    assert (out[status == "ok"] > 0).all()
    assert (out[np.isin(status, ["error", "blocked", "rate_limited"])] == 0).all()
    assert (finish[status == "ok"] != "").all()
    assert (finish[np.isin(status, ["error", "blocked", "rate_limited"])] == "").all()
    limit = table["max_tokens"].to_numpy(zero_copy_only=False)
    held = ~np.isnan(limit.astype(float))
    assert (out[held] <= limit[held]).all()
    app = np.array(table["surface"].to_pylist()) == "app"
    assert pc.all(pc.is_null(table["temperature"].filter(pa.array(app)))).as_py()


def test_longer_texts_have_more_tokens(table: pa.Table) -> None:
    first = np.array(table["turn"].to_pylist()) == 1
    length = pc.utf8_length(table["input_text"]).to_numpy()[first]
    assert np.corrcoef(length, table["input_tokens"].to_numpy()[first])[0, 1] > 0.5


def test_an_address_has_one_network_and_country(table: pa.Table) -> None:
    names = ["client_asn", "client_network", "client_country"]
    counted = table.group_by("client_address").aggregate([(n, "count_distinct") for n in names])
    for n in names:
        assert pc.max(counted[f"{n}_count_distinct"]).as_py() == 1


def test_answers_are_kept_at_the_share_asked_for(tmp_path: Path) -> None:
    e = make(Settings("small", seed=8, knobs=("output_text_share=0.5",)))
    rows = Renderer(e.setting, e.accounts, e.streams, output_text=e.output_text).table(e.schedule, 0, 4000)
    assert rows["output_text"].null_count / 4000 == pytest.approx(0.5, abs=0.04)
