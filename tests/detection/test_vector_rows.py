"""Loops over sparse vectors, against dense matrices."""

from itertools import pairwise

import numba
import numpy as np
import pytest
from scipy import sparse

from stillwatch.detection import vector_rows


@pytest.fixture
def matrix():
    rng = np.random.default_rng(4)
    return sparse.random_array((60, 40), density=0.15, rng=rng, format="csr")


def parts(matrix):
    return matrix.indptr, matrix.indices, matrix.data


def test_products_leave_the_scratch_clean(matrix):
    dense, scratch = matrix.toarray(), np.zeros(40)
    chosen, others = np.array([3, 3, 9]), np.array([1, 2, 9])
    found = vector_rows.products(parts(matrix), chosen, others, scratch)
    np.testing.assert_allclose(found, dense[chosen] @ dense[others].sum(axis=0))
    one, other = np.array([0, 0, 5, 7]), np.array([1, 0, 6, 5])
    found = vector_rows.pair_products(parts(matrix), one, other, scratch)
    np.testing.assert_allclose(found, (dense[one] * dense[other]).sum(axis=1))
    members, ends, pool = np.array([1, 2, 3, 8]), np.array([0, 3, 4]), np.arange(20)
    own, across = vector_rows.squares_and_products(parts(matrix), members, ends, pool, scratch, np.zeros(40))
    sums = np.array([dense[[1, 2, 3]].sum(axis=0), dense[8]])
    np.testing.assert_allclose(own, (sums**2).sum(axis=1))
    np.testing.assert_allclose(across, sums @ dense[pool].sum(axis=0))
    assert not scratch.any()


def test_holders_are_the_first_of_each_column(matrix):
    order = np.random.default_rng(1).permutation(60)
    begin, who, value = vector_rows.holders(parts(matrix), order, 40, 3)
    dense = matrix.toarray()
    for column in range(40):
        expected = [r for r in order.tolist() if dense[r, column]][:3]
        assert order[who[begin[column] : begin[column + 1]]].tolist() == expected
        assert value[begin[column] : begin[column + 1]].tolist() == dense[expected, column].tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_nearest_by_definition_on_any_number_of_threads(matrix, threads):
    dense = matrix.toarray()
    likeness = np.round(dense @ dense.T * vector_rows.DIGITS) / vector_rows.DIGITS
    np.fill_diagonal(likeness, 0)
    order = np.random.default_rng(2).permutation(60)
    held = order, *vector_rows.holders(parts(matrix), order, 40, 60)
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    try:
        who, near = vector_rows.nearest(parts(matrix), *held, 4)
    finally:
        numba.set_num_threads(before)
    for row in range(60):
        best = np.lexsort((np.arange(60), -likeness[row]))[:4]
        best = best[likeness[row, best] > 0]
        assert who[row, : len(best)].tolist() == best.tolist()
        np.testing.assert_allclose(near[row, : len(best)], likeness[row, best], rtol=1e-8)
        assert not near[row, len(best) :].any()


def test_a_row_meets_no_more_holders_than_its_visits_and_as_many_of_each_column(matrix):
    order = np.random.default_rng(2).permutation(60)
    held = order, *vector_rows.holders(parts(matrix), order, 40, 60)
    dense, size = matrix.toarray(), np.diff(held[1])
    who, near = vector_rows.nearest(parts(matrix), *held, 60, 30)
    for row in range(60):
        own = np.flatnonzero(dense[row])
        each = next(e for e in (64, 32, 16, 8, 4, 2, 1) if e == 1 or np.minimum(size[own], e).sum() <= 30)
        product = np.zeros(60)
        for column in own:
            first = [r for r in order.tolist() if dense[r, column]][:each]
            product[first] += dense[row, column] * dense[first, column]
        product[row] = 0.0
        met = np.zeros(60)
        met[who[row, near[row] > 0]] = near[row, near[row] > 0]
        np.testing.assert_allclose(met, product, atol=1e-8)


def test_products_of_sets(matrix):
    dense, scratch = matrix.toarray(), np.zeros(40)
    members, ends = np.array([1, 2, 3, 8, 20, 21]), np.array([0, 3, 4, 6])
    one, other = np.array([0, 0, 1, 2]), np.array([0, 1, 2, 2])
    sums = np.array([dense[members[a:b]].sum(axis=0) for a, b in pairwise(ends.tolist())])
    found = vector_rows.set_products(parts(matrix), members, ends, one, other, scratch)
    np.testing.assert_allclose(found, (sums[one] * sums[other]).sum(axis=1))
    assert not scratch.any()


def test_what_is_lighter_than_the_largest_of_its_row(matrix):
    light = vector_rows.lighter(parts(matrix), 3)
    for row in range(60):
        own = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        least = np.sort(own)[-3] if len(own) > 3 else 0.0
        assert (light[matrix.indptr[row] : matrix.indptr[row + 1]] == (own < least)).all()


def test_nearest_to_a_sum(matrix):
    dense, chosen = matrix.toarray(), np.array([4, 11, 30])
    order = np.random.default_rng(2).permutation(60)
    held = order, *vector_rows.holders(parts(matrix), order, 40, 60)
    scratch, score = np.zeros(40), np.zeros(60)
    found = vector_rows.nearest_to_sum(parts(matrix), chosen, *held, scratch, score, 10, 40)
    product = np.round(dense @ dense[chosen].sum(axis=0) * vector_rows.DIGITS)
    assert sorted(found.tolist()) == sorted(np.lexsort((np.arange(60), -product))[:10].tolist())
    assert not scratch.any()
    assert not score.any()
    everybody = vector_rows.nearest_to_sum(parts(matrix), chosen, *held, scratch, score, 100, 40)
    assert set(everybody.tolist()) == set(np.flatnonzero(product).tolist())
    # Of a sum only its largest columns count where fewer are asked for.
    total = dense[chosen].sum(axis=0)
    largest = np.where(total >= np.sort(total)[-5], total, 0.0)
    some = vector_rows.nearest_to_sum(parts(matrix), chosen, *held, scratch, score, 100, 5)
    assert set(some.tolist()) == set(np.flatnonzero(np.round(dense @ largest * vector_rows.DIGITS)).tolist())
    assert not scratch.any()
    assert not score.any()


def test_the_weightiest_columns_of_each_row_stay():
    rng = np.random.default_rng(8)
    counts = rng.integers(0, 4, (30, 20))
    weight = rng.choice([0.5, 1.0, 2.0], 20)
    usable = rng.random(20) < 0.8
    held = sparse.csr_array(counts)
    sent = np.full(30, 5.0)
    rows = (held.indptr.astype(np.int64), held.indices.astype(np.int32), held.data.astype(np.int32))
    rank = rng.permutation(20).astype(np.int32)
    start, columns, share, value = vector_rows.weightiest(rows, usable, weight, rank, sent, 6)
    for r in range(30):
        worth = np.where(usable, counts[r] * weight, 0)
        best = [c for c in np.lexsort((rank, -worth)).tolist() if worth[c] > 0][:6]
        own = slice(start[r], start[r + 1])
        assert columns[own].tolist() == sorted(best)
        np.testing.assert_allclose(share[own], counts[r][sorted(best)] / 5)
        np.testing.assert_allclose(value[own], (v := worth[sorted(best)]) / max(np.linalg.norm(v), 1e-12))
    assert not len(vector_rows.weightiest(rows, np.zeros(20, bool), weight, rank, sent, 6)[1])
