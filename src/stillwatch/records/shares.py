"""The files of a table cut into shares of about one size, to be read at different places at once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from stillwatch.records.formats.parquet_batches import READ_ERRORS, open_parquet
from stillwatch.records.sources import Format, SourceFile

LEAST_BYTES = 4 << 20
"""A smaller share is over before its task has begun."""
MOST_BYTES = 256 << 20
"""Of compressed Parquet this is a million exchanges with texts of some hundred characters: half a minute of one core."""
SHARES_A_WORKER = 4
"""So that the last ones to work keep others waiting for a quarter of the time at most."""


def shares(files: Sequence[SourceFile], workers: int) -> list[list[SourceFile]]:
    """Cut `files` into lists whose sizes on disk are about the same, in their order; one list for one worker.

    A Parquet file is cut between its row groups. A file of another form is one piece, however large it is.
    """
    if workers == 1:
        return [list(files)]
    sized = [(file, _bytes(file)) for file in files]
    total = sum(size for _, size in sized)
    target = min(max(total // (workers * SHARES_A_WORKER), LEAST_BYTES), MOST_BYTES)
    found: list[list[SourceFile]] = [[]]
    room = target
    for file, size in sized:
        for piece, weight in _pieces(file, size, target):
            if found[-1] and weight > room:
                found.append([])
                room = target
            found[-1].append(piece)
            room -= weight
    return found


def _bytes(file: SourceFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError:
        return 0  # whoever reads it will say why it can't be read


def _pieces(file: SourceFile, size: int, target: int) -> Iterator[tuple[SourceFile, int]]:
    if file.format is not Format.PARQUET or size <= target:
        yield file, size
        return
    try:
        with open_parquet(file.path) as parquet:
            groups = [parquet.metadata.row_group(i) for i in range(parquet.metadata.num_row_groups)]
            weights = [
                sum(group.column(c).total_compressed_size for c in range(group.num_columns))
                for group in groups
            ]
    except READ_ERRORS:
        yield file, size
        return
    start, weight = 0, 0
    for group, more in enumerate(weights):
        if group > start and weight + more > target:
            yield replace(file, groups=range(start, group)), weight
            start, weight = group, 0
        weight += more
    yield replace(file, groups=range(start, len(weights))) if start else file, weight
