"""Counts of several inputs are those of one that holds them all."""

import pytest

from stillwatch.detection.run_record import Inputs
from stillwatch.detection.state.manifest import SCANS, File, GivenTable, Tally
from stillwatch.detection.state.reading import read
from stillwatch.detection.state.tallies import Totals, added, recount, without_days_before
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key

HEAD = "event_id,time,account_id,model,turn\n"
ONE = HEAD + "a,2026-03-01,x,m,1\nb,never,x,m,1\nc,2026-03-02,x,m,many\n"
OTHER = (
    "event_id,time,account_id,model,tool_count\n" + "d,2026-03-02,y,m,2\n,2026-03-02,y,m,2\ne,never,y,m,2\n"
)


@pytest.fixture
def counted(tmp_path):
    def call(**files):
        folder = tmp_path / "-".join(files)
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.csv").write_text(text)
        (folder / "notes.pdf").write_text("no log")
        found = read(
            Inputs(str(folder)), None, folder / "work", RejectLog(), key=Key(bytes(16)), threads=1,
            first_row=0, may_be_empty=False, progress=lambda rows, share: None,
        )  # fmt: skip
        return found.tallies[SCANS]

    return call


def test_two_inputs_count_as_one_that_holds_both(counted):
    together = counted(one=ONE, other=OTHER)
    assert added([counted(one=ONE), counted(other=OTHER)]) == together
    assert together.read == 6
    assert sum(together.days.values()) == 3
    totals = Totals.of([together])
    assert (totals.rows_read, totals.adapters, totals.left_out) == (6, {"native": 2}, ["notes.pdf"])
    assert {"turn", "tool_count"} <= totals.present_columns
    assert list(totals.values_dropped.values()) == [1]


def test_days_before_the_cut_are_outside():
    one = Tally(read=9, days={3: 4, 4: 2, 5: 1}, outside=2)
    cut = without_days_before(one, 5)
    assert (cut.days, cut.outside, cut.read) == ({5: 1}, 8, 9)
    assert without_days_before(cut, 5) is cut


def test_a_log_of_rejects_gets_the_counts_of_all_so_far():
    rejects = RejectLog()
    rejects.add("usage", "of this run alone", "f", 1, {})
    tables = {
        "accounts": GivenTable(File("a", 1, ""), {"missing account_id": 2}, [("plan", "unknown", 3)], [])
    }
    recount(
        rejects, [Tally(rejected={"x": 1}), Tally(rejected={"x": 2}, not_whole=[("f", "cut", "")])], tables
    )
    assert rejects.by_reason("usage") == {"x": 3}
    assert rejects.by_reason("accounts") == {"missing account_id": 2}
    assert rejects.dropped == {("accounts", "plan", "unknown"): 3}
    assert [(f.table, f.source) for f in rejects.files] == [("usage", "f")]
