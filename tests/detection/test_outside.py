"""What other members shared: hits, whom they corroborate, by how much, and what they cannot do."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.detection import outside
from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.decision import judge
from stillwatch.detection.outside import Outside, hold_against
from stillwatch.detection.settings import Settings
from stillwatch.detection.signature_hits import counted, hits
from stillwatch.detection.texts import SCHEMA, write_texts
from stillwatch.detection.view import view
from stillwatch.records.findings import FAMILIES, HITS_SCHEMA
from stillwatch.records.signatures import Shared, SharedFile, Signature, make
from stillwatch.records.signatures.file import NEVER
from stillwatch.records.sketches import Key

KEY = Key(b"k" * 16)
FRAME = "explain in detail how you would go about {} and then list every step that you took with a reason for each one"


def asked(seed):
    return FRAME.format("".join(random.Random(seed).choices("abcdefgh", k=8)))


def shared(name="s-1", *, until=NEVER, several=False):
    signature = make([asked(i) for i in range(10)], [f"a{i}" for i in range(10)], KEY, epoch=1, part="input")
    assert signature.signature is not None
    return Shared(name, signature.signature, KEY, until, several)


def texts_of(world, tmp_path, carry):
    """Files of texts of a world's exchanges: the template where `carry` says so of the account."""
    rows = [(i, asked(i) if carry(e) else f"what is {i}", None) for i, e in enumerate(world.exchanges)]
    half = len(rows) // 2
    files = []
    for number, part in enumerate((rows[:half], rows[half:])):
        files.append(tmp_path / f"{number}.parquet")
        columns = [list(column) for column in zip(*part, strict=True)]
        write_texts(pa.table(columns, schema=SCHEMA), files[-1])
    return files


def test_exchanges_that_match_are_found(world, tmp_path):
    evidence = world.evidence()
    files = texts_of(world, tmp_path, lambda e: e.account == 1)
    found = hold_against([shared("b"), shared("a", until=0)], files, evidence, 2)
    assert found.which.tolist() == [0] * 4
    assert set(evidence.ex_acc[found.exchange]) == {1}
    assert found.texts == len(world.exchanges)
    table = hits(replace(evidence, outside=found))
    assert table.schema == HITS_SCHEMA
    (row,) = table.to_pylist()
    assert (row["signature_id"], row["exchanges"], row["share"]) == ("b", 4, 1.0)
    assert row["account_id"] == evidence.accounts.ids[1]
    file = SharedFile(found.signatures, {"not JSON": 2}, 1)
    told = counted(file, replace(evidence, outside=found), [], 5)
    assert (told["hit"], told["accounts"], told["exchanges"], told["expired"]) == (1, 1, 4, 1)
    assert (told["rejected"], told["repeated"], told["without_text"]) == ({"not JSON": 2}, 1, 5)


def test_a_signature_holds_until_it_ends(world, tmp_path):
    evidence = world.evidence()
    times = np.sort(evidence.ex_time[evidence.ex_acc == 1])
    files = texts_of(world, tmp_path, lambda e: e.account == 1)
    found = hold_against([shared(until=int(times[2]))], files, evidence, 1)
    assert sorted(evidence.ex_time[found.exchange].tolist()) == times[:2].tolist()


def test_no_signatures_and_no_texts(world):
    evidence = world.evidence()
    assert len(hold_against([], [], evidence, 1).exchange) == 0
    found = hold_against([shared()], [], evidence, 1)
    assert hits(replace(evidence, outside=found)).num_rows == 0
    assert hits(evidence).num_rows == 0


def hit(evidence, accounts, *signatures):
    """Every exchange of these accounts matches all of these signatures."""
    of = np.flatnonzero(np.isin(evidence.accounts.ids[evidence.ex_acc].astype(str), accounts))
    exchange = np.repeat(of, len(signatures))
    which = np.tile(np.arange(len(signatures)), len(of))
    return replace(evidence, outside=Outside(signatures, exchange, which, len(evidence.ex_row)))


def strongest(evidence, **settings):
    found = judge(view(evidence), [], {}, Settings(**settings))
    return max(found, key=lambda j: (len(j.significant), j.weighing.log10_bayes_factor))


@pytest.fixture(scope="module")
def planted(worlds):
    return worlds.harvest(range(1000, 1040)).evidence()


@pytest.fixture(scope="module")
def plain(planted):
    found = strongest(planted)
    assert len(found.significant) >= 2
    return found


def ids(judged, share=1.0):
    names = judged.case.view.evidence.accounts.ids[judged.group.accounts[judged.group.firm]]
    return [str(name) for name in names[: int(np.ceil(share * len(names)))]]


@pytest.mark.parametrize(
    ("signatures", "factor"),
    [
        ((shared(),), 3),
        ((shared(several=True),), 30),
        ((shared("a"), shared("b"), shared("c")), 3),
        ((shared("a"), shared("b", several=True), shared("c", several=True)), 30),
    ],
)
def test_however_many_signatures_the_factor_is_bounded(planted, plain, signatures, factor):
    found = strongest(hit(planted, ids(plain), *signatures))
    gain = found.weighing.log10_bayes_factor - plain.weighing.log10_bayes_factor
    assert gain == pytest.approx(np.log10(factor))
    assert found.corroboration is not None
    assert found.corroboration.factor == factor
    assert found.family_p == plain.family_p
    assert found.significant == plain.significant


def test_half_of_the_accounts_have_to_carry_it(planted, plain):
    assert strongest(hit(planted, ids(plain, 0.4), shared())).corroboration is None
    assert strongest(hit(planted, ids(plain, 0.6), shared())).corroboration is not None


def test_templates_of_one_campaign_are_carried_together(planted, plain):
    """Accounts with fewer than a tenth of their exchanges on each of two templates carry both together, if they are two."""
    whole = hit(planted, ids(plain), shared()).outside.exchange
    acc = planted.ex_acc[whole]
    order = np.argsort(acc, kind="stable")
    whole, acc = whole[order], acc[order]
    place = np.arange(len(acc)) - np.searchsorted(acc, acc)
    few = np.ceil(0.1 * np.bincount(acc)[acc]) - 1
    assert few.min() >= 1

    def found(*parts):
        exchange = np.concatenate([whole[part] for part in parts])
        which = np.repeat(np.arange(len(parts)), [part.sum() for part in parts])
        outside = Outside((shared("a"), shared("b"))[: len(parts)], exchange, which, len(planted.ex_row))
        return strongest(replace(planted, outside=outside)).corroboration

    first, second = place < few, (place >= few) & (place < 2 * few)
    assert found(first) is None
    assert found(first, first) is None
    together = found(first, second)
    assert together is not None
    assert [one.id for one in together.signatures] == ["a", "b"]
    assert together.accounts == len(ids(plain))


def test_a_template_that_others_send_too_is_no_corroboration(planted, plain):
    outsiders = [str(name) for name in planted.accounts.ids if str(name) not in set(ids(plain))][:10]
    assert strongest(hit(planted, [*ids(plain), *outsiders], shared())).corroboration is None


def test_with_few_others_nobody_knows_what_is_popular(planted, plain, monkeypatch):
    monkeypatch.setattr(outside, "OUTSIDE_LEAST", 10_000)
    assert strongest(hit(planted, ids(plain), shared())).corroboration is None


def test_it_never_stands_in_for_a_family(worlds):
    """With one family of its own a group gains nothing, whoever stands behind the signature."""
    evidence = worlds.harvest(range(1000, 1040)).evidence()
    settings = {"family_wise_error": 1e-300, "prior": 0.999}
    before = strongest(evidence, **settings)
    after = strongest(hit(evidence, ids(before), shared(several=True)), **settings)
    assert len(after.significant) < 2
    assert after.verdict == before.verdict != EXTRACTION
    assert after.corroboration is None
    assert after.weighing == before.weighing


def test_hits_make_no_group(planted):
    ordinary = [str(name) for name in planted.accounts.ids[:40]]
    before = [j.group.accounts.tolist() for j in judge(view(planted), [], {}, Settings())]
    after = judge(view(hit(planted, ordinary, shared(several=True))), [], {}, Settings())
    assert [j.group.accounts.tolist() for j in after] == before


def test_a_look_at_the_past_counts_hits_before_its_hour(worlds, plain):
    """The same as a scan of everything before the hour, with the same signatures."""
    world = worlds.harvest(range(1000, 1040))
    whole = hit(world.evidence(), ids(plain), shared(several=True))
    for hour in (worlds.MONDAY + 24, worlds.MONDAY + 72):
        past = hit(world.before(hour).evidence(), ids(plain), shared(several=True))
        looks = [judge(view(e, hour), [], {}, Settings()) for e in (whole, past)]
        one, other = (
            sorted(
                (j.verdict, round(j.weighing.log10_bayes_factor, 9), j.corroboration is None) for j in found
            )
            for found in looks
        )
        assert one == other


def test_the_reason_names_no_family(planted, plain):
    from stillwatch.detection.explanation.narrate import tables

    found = strongest(hit(planted, ids(plain), shared(several=True)))
    campaign, _ = tables(found, datetime(2026, 8, 20, tzinfo=UTC))
    (reason,) = (r for r in campaign.reasons if r.behaviour == "corroboration")
    assert reason.family not in FAMILIES
    assert reason.statistic == 30
    assert "two or more other members" in reason.statement
    assert "accuses nobody by itself" in reason.statement


def test_the_digest_tells_signatures_apart():
    none = np.zeros(0, np.int64)
    digests = {
        Outside(signatures, none, none, 0).digest
        for signatures in (
            (),
            (shared(),),
            (shared(several=True),),
            (shared(until=5),),
            (replace(shared(), signature=Signature(1, "input", "16-31", bytes(64))),),
        )
    }
    assert len(digests) == 5
