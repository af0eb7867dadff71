"""Loops over sparse vectors, against dense matrices."""

from itertools import pairwise

import numpy as np
from scipy import sparse

from stillwatch.detection import threads, vector_rows


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


def test_products_of_sets(matrix):
    dense, scratch = matrix.toarray(), np.zeros(40)
    members, ends = np.array([1, 2, 3, 8, 20, 21]), np.array([0, 3, 4, 6])
    one, other = np.array([0, 0, 1, 2]), np.array([0, 1, 2, 2])
    sums = np.array([dense[members[a:b]].sum(axis=0) for a, b in pairwise(ends.tolist())])
    found = vector_rows.set_products(parts(matrix), members, ends, one, other, scratch)
    np.testing.assert_allclose(found, (sums[one] * sums[other]).sum(axis=1))
    assert not scratch.any()


def test_sums_of_sets(matrix):
    dense, scratch = matrix.toarray(), np.zeros(40)
    members, ends = np.array([1, 2, 3, 8, 20, 21]), np.array([0, 3, 3, 4, 6])
    begin, columns, values = vector_rows.sums(parts(matrix), members, ends, scratch)
    for k, (first, last) in enumerate(pairwise(ends.tolist())):
        found = np.zeros(40)
        found[columns[begin[k] : begin[k + 1]]] = values[begin[k] : begin[k + 1]]
        np.testing.assert_allclose(found, dense[members[first:last]].sum(axis=0))
        assert len(set(columns[begin[k] : begin[k + 1]].tolist())) == begin[k + 1] - begin[k]
    assert not scratch.any()


def test_what_is_lighter_than_the_largest_of_its_row(matrix):
    light = vector_rows.lighter(parts(matrix), 3)
    for row in range(60):
        own = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        least = np.sort(own)[-3] if len(own) > 3 else 0.0
        assert (light[matrix.indptr[row] : matrix.indptr[row + 1]] == (own < least)).all()


def test_a_column_is_filled_in_the_rows_that_count_it():
    columns, counts = np.array([0, 2, 2, 3, 2]), np.array([1, 0, 2, 5, 1], np.uint16)
    assert vector_rows.filled(columns, counts, 5).tolist() == [1, 0, 2, 1, 0]


def test_the_weightiest_columns_of_each_row_stay(monkeypatch):
    monkeypatch.setattr(threads, "FEW", 1)  # also few rows are done in pieces
    rng = np.random.default_rng(8)
    counts = rng.integers(0, 4, (30, 20))
    weight = rng.choice([0.5, 1.0, 2.0], 20)
    usable = rng.random(20) < 0.8
    held = sparse.csr_array(counts)
    sent = np.full(30, 5.0)
    rows = (held.indptr.astype(np.int64), held.indices.astype(np.int32), held.data.astype(np.int32))
    rank = rng.permutation(20).astype(np.int32)
    start, columns, share = vector_rows.weightiest(rows, usable, weight, rank, sent, 6, unit=False)
    *same, value = vector_rows.weightiest(rows, usable, weight, rank, sent, 6, unit=True)
    assert [place.tolist() for place in same] == [start.tolist(), columns.tolist()]
    assert (share.dtype, value.dtype) == (np.float64, np.float32)
    for r in range(30):
        worth = np.where(usable, counts[r] * weight, 0)
        best = [c for c in np.lexsort((rank, -worth)).tolist() if worth[c] > 0][:6]
        own = slice(start[r], start[r + 1])
        assert columns[own].tolist() == sorted(best)
        np.testing.assert_allclose(share[own], counts[r][sorted(best)] / 5)
        np.testing.assert_allclose(
            value[own], (v := worth[sorted(best)]) / max(np.linalg.norm(v), 1e-12), 1e-6
        )
    assert not len(vector_rows.weightiest(rows, np.zeros(20, bool), weight, rank, sent, 6, unit=True)[1])
