"""The most alike rows, against dense matrices."""

import numba
import numpy as np
import pytest

from stillwatch.detection import nearest_rows, threads


def parts(matrix):
    return matrix.indptr, matrix.indices, matrix.data


def test_holders_are_the_first_of_each_column(matrix):
    order = np.random.default_rng(1).permutation(60)
    begin, who, value = nearest_rows.holders(parts(matrix), order, 40, 3)
    dense = matrix.toarray()
    for column in range(40):
        expected = [r for r in order.tolist() if dense[r, column]][:3]
        assert order[who[begin[column] : begin[column + 1]]].tolist() == expected
        assert value[begin[column] : begin[column + 1]].tolist() == dense[expected, column].tolist()


@pytest.fixture(params=[1, 2])
def in_pieces(request, monkeypatch):
    """Also few rows are done in pieces, by one thread or two."""
    monkeypatch.setattr(threads, "FEW", 1)
    before = numba.get_num_threads()
    numba.set_num_threads(min(request.param, numba.config.NUMBA_NUM_THREADS))
    yield
    numba.set_num_threads(before)


@pytest.mark.usefixtures("in_pieces")
def test_nearest_by_definition_on_any_number_of_threads(matrix):
    dense = matrix.toarray()
    likeness = np.round(dense @ dense.T * nearest_rows.DIGITS) / nearest_rows.DIGITS
    np.fill_diagonal(likeness, 0)
    order = np.random.default_rng(2).permutation(60)
    held = order, *nearest_rows.holders(parts(matrix), order, 40, 60)
    who, near = nearest_rows.nearest(parts(matrix), *held, 4)
    for row in range(60):
        best = np.lexsort((np.arange(60), -likeness[row]))[:4]
        best = best[likeness[row, best] > 0]
        assert who[row, : len(best)].tolist() == best.tolist()
        np.testing.assert_allclose(near[row, : len(best)], likeness[row, best], rtol=1e-8)
        assert not near[row, len(best) :].any()


@pytest.mark.usefixtures("in_pieces")
def test_a_row_meets_no_more_holders_than_its_visits_and_of_each_column_those_next_to_it(matrix):
    order = np.random.default_rng(2).permutation(60)
    held = order, *nearest_rows.holders(parts(matrix), order, 40, 60)
    dense, size = matrix.toarray(), np.diff(held[1])
    who, near = nearest_rows.nearest(parts(matrix), *held, 60, 30)
    for row in range(60):
        own = np.flatnonzero(dense[row])
        each = next(e for e in (64, 32, 16, 8, 4, 2, 1) if e == 1 or np.minimum(size[own], e).sum() <= 30)
        product = np.zeros(60)
        for column in own:
            place = order.tolist().index(row)
            around = [*order[place + 1 :].tolist(), *order[: place + 1].tolist()]
            next_to = [r for r in around if dense[r, column]][:each]
            product[next_to] += dense[row, column] * dense[next_to, column]
        product[row] = 0.0
        met = np.zeros(60)
        met[who[row, near[row] > 0]] = near[row, near[row] > 0]
        np.testing.assert_allclose(met, product, atol=1e-8)


def test_nearest_to_a_sum(matrix):
    dense, chosen = matrix.toarray(), np.array([4, 11, 30])
    order = np.random.default_rng(2).permutation(60)
    held = order, *nearest_rows.holders(parts(matrix), order, 40, 60)
    scratch, score = np.zeros(40), np.zeros(60)
    found = nearest_rows.foremost(*nearest_rows.scored(parts(matrix), chosen, *held, scratch, score, 40), 10)
    product = np.round(dense @ dense[chosen].sum(axis=0) * nearest_rows.DIGITS)
    assert sorted(found.tolist()) == sorted(np.lexsort((np.arange(60), -product))[:10].tolist())
    assert not scratch.any()
    assert not score.any()
    everybody = nearest_rows.foremost(
        *nearest_rows.scored(parts(matrix), chosen, *held, scratch, score, 40), 100
    )
    assert set(everybody.tolist()) == set(np.flatnonzero(product).tolist())
    # Of a sum only its largest columns count where fewer are asked for.
    total = dense[chosen].sum(axis=0)
    largest = np.where(total >= np.sort(total)[-5], total, 0.0)
    some = nearest_rows.foremost(*nearest_rows.scored(parts(matrix), chosen, *held, scratch, score, 5), 100)
    assert set(some.tolist()) == set(np.flatnonzero(np.round(dense @ largest * nearest_rows.DIGITS)).tolist())
    assert not scratch.any()
    assert not score.any()
