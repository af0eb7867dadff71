"""What comes before any verdict: the tables are read once, and evidence is gathered as settings ask for it."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.detection.preparation import Clock, prepare, silent
from stillwatch.detection.run_record import Inputs, Resources
from stillwatch.detection.settings import Settings
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key


@pytest.fixture(scope="module")
def prepared(exercise, tmp_path_factory):
    """The small exercise after intake."""
    work = tmp_path_factory.mktemp("work")
    inputs = Inputs(
        str(exercise / "usage"),
        **{name: str(exercise / f"{name}.parquet") for name in ("accounts", "releases", "agreements")},
    )
    resources = Resources(threads=1, memory=2 << 30)
    clock = Clock(silent)
    return prepare(inputs, resources, Key(bytes(16)), work, RejectLog(work / "rejected"), clock)


def test_all_tables_are_read(prepared):
    assert prepared.taken.rows > 1000
    assert prepared.accounts.num_rows > 0
    assert prepared.releases
    evidence = prepared.evidence(Settings())
    assert prepared.agreements(evidence)
    assert prepared.engine_version


def test_settings_that_count_sharing_alike_share_the_evidence(prepared):
    first = prepared.evidence(Settings())
    assert prepared.evidence(Settings(prior=0.3, tie_share=0.2, seed=1, neighbours=5)) is first
    for name in ("content_accounts", "infrastructure_accounts"):
        other = prepared.evidence(replace(Settings(), **{name: 9}))
        assert other is not first, name
        # The same accounts under the same codes: runs can be held against each other.
        assert other.accounts.ids.tolist() == first.accounts.ids.tolist()
    few = prepared.evidence(replace(Settings(), content_accounts=9))
    assert len(np.unique(few.tie_obj)) < len(np.unique(first.tie_obj))
    assert prepared.evidence(Settings()) is first


def test_a_stage_that_is_entered_again_adds_its_seconds():
    told = []
    clock = Clock(lambda stage, done, share=None, unit="rows": told.append(stage))
    with clock.stage("a"):
        pass
    first = clock.seconds["a"]
    with clock.stage("a"):
        sum(range(200_000))
    assert clock.seconds["a"] > first
    assert told == ["a", "a"]


def test_without_a_usable_exchange_nothing_is_prepared(exercise, tmp_path):
    with pytest.raises(InputError, match=r"no usable exchange among .* outside --since and --until"):
        prepare(
            Inputs(str(exercise / "usage"), since=4_000_000_000_000_000),
            Resources(threads=1, memory=2 << 30),
            Key(bytes(16)),
            tmp_path,
            RejectLog(tmp_path / "rejected"),
            Clock(silent),
        )
