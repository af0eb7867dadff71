"""Sketches of a batch of usage: carried by it, or drawn from its texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.records.errors import InputError
from stillwatch.records.sketched.form import AGAIN, SKETCHED_SCHEMA
from stillwatch.records.sketches import SCRIPTS, SKETCH_SCHEMA, Key, sketch
from stillwatch.records.sketches.phrases import MOST, SYSTEM_MOST

_BOUNDS = {
    "text_words": (0, None),
    "text_chars": (0, None),
    "script": (0, len(SCRIPTS) - 1),
    "digit_share": (0, 1),
    "symbol_share": (0, 1),
}
"""What values of these columns can be; hashes and masks can be anything."""

_LONGEST = {"phrases": MOST, "system_phrases": SYSTEM_MOST}


def sketches_of(batch: pa.RecordBatch, key: Key, threads: int | None = None) -> pa.RecordBatch:
    """The sketches of a batch that `open_usage` gave, after SKETCH_SCHEMA, row by row.

    A batch of a file with sketches carries them; of any other they are drawn from its texts, under `key`, on so many
    threads (None: as many as there are cores).
    """
    if carries(batch):
        return pa.RecordBatch.from_arrays(
            [batch.column(name) for name in SKETCH_SCHEMA.names], schema=SKETCH_SCHEMA
        )
    return sketch(batch.column("input_text"), batch.column("system_text"), key, threads)


def carries(batch: pa.RecordBatch) -> bool:
    """Whether a batch carries sketches."""
    return "phrases" in batch.schema.names


def sketched(batch: pa.RecordBatch, key: Key, threads: int | None = None) -> pa.RecordBatch:
    """A validated batch of usage as one with sketches in place of texts (SKETCHED_SCHEMA), the same rows in order.

    Sketches that the batch carries stay as they are: they must stand under `key`, which `open_usage` sees to.
    """
    drawn = sketches_of(batch, key, threads)
    kept = [batch.column(name) for name in SKETCHED_SCHEMA.names if SKETCH_SCHEMA.get_field_index(name) < 0]
    return pa.RecordBatch.from_arrays([*kept, *drawn.columns], schema=SKETCHED_SCHEMA)


@dataclass
class Carried:
    """What came as sketches: from how many files, how many rows that could be used, and of which texts.

    `wordless`: of these rows, how many have a sketch of a text and not the text itself.
    """

    files: int = 0
    rows: int = 0
    wordless: int = 0
    columns: set[str] = field(default_factory=set)

    def absorb(self, other: "Carried") -> None:
        """Add what came of other files."""
        self.files += other.files
        self.rows += other.rows
        self.wordless += other.wordless
        self.columns |= other.columns

    def beside(
        self, batch: pa.RecordBatch, sketches: pa.RecordBatch, rejected: Mapping[str, Sequence[int]]
    ) -> pa.RecordBatch:
        """A validated batch with the sketches of its rows behind its columns, and counts them.

        `sketches` are those of the raw batch, and `rejected` the places of its rows that were left out, by reason.
        """
        if rejected:
            good = np.ones(sketches.num_rows, dtype=np.bool_)
            for places in rejected.values():
                good[places] = False
            sketches = sketches.filter(pa.array(good))
        self.rows += batch.num_rows
        wordless = np.zeros(batch.num_rows, dtype=np.bool_)
        # Either stands in every sketch of such a text, and in no other.
        for text, mark in (("input_text", "text_words"), ("system_text", "system_marks")):
            drawn = sketches.column(mark).is_valid()
            if sketches.column(mark).null_count < sketches.num_rows:
                self.columns.add(text)
            wordless |= pc.and_(drawn, batch.column(text).is_null()).to_numpy(zero_copy_only=False)
        self.wordless += int(np.count_nonzero(wordless))
        return pa.RecordBatch.from_arrays(
            [*batch.columns, *sketches.columns], schema=pa.schema([*batch.schema, *SKETCH_SCHEMA])
        )


def take_carried(batch: pa.RecordBatch, where: str) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """A raw batch of a file with sketches, parted: its other columns, and its sketches after SKETCH_SCHEMA.

    Raises InputError, naming the file as `where`, for values that no sketch has: the file is damaged, or was not
    written by stillwatch.
    """
    columns = []
    for wanted in SKETCH_SCHEMA:
        array = batch.column(wanted.name)
        array = array.cast(wanted.type) if array.type != wanted.type else array
        if (what := _wrong(wanted.name, array)) is not None:
            raise InputError(
                f"its column {wanted.name} holds {what}, which no sketch has", where=where, mend=AGAIN
            )
        columns.append(array)
    # By place: other columns may bear one name twice.
    others = [i for i, name in enumerate(batch.schema.names) if SKETCH_SCHEMA.get_field_index(name) < 0]
    return batch.select(others), pa.RecordBatch.from_arrays(columns, schema=SKETCH_SCHEMA)


def _wrong(name: str, array: pa.Array) -> str | None:
    """What a column holds that a sketch can't, in words."""
    if name in _LONGEST:
        if array.flatten().null_count:
            return "a list with a null in it"
        longest = pc.max(pc.list_value_length(array)).as_py() or 0
        return f"a list of {longest} values" if longest > _LONGEST[name] else None
    if name not in _BOUNDS:
        return None
    low, high = _BOUNDS[name]
    values = array.drop_null().to_numpy(zero_copy_only=False)
    bad = ~(values >= low) if high is None else ~((values >= low) & (values <= high))
    return f"the value {values[np.argmax(bad)]}" if bad.any() else None
