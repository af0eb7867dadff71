"""Sketches of a batch, carried or drawn; and that they stay beside their rows."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog, missing
from stillwatch.records.schema import USAGE
from stillwatch.records.sketched import SKETCHED_SCHEMA, open_sketched, sketched, sketches_of
from stillwatch.records.sketched.batches import Carried, carries
from stillwatch.records.sketches import SKETCH_SCHEMA, Key, sketch
from stillwatch.records.tables import open_usage


def of(table, key):
    """Sketches of a table that was read, by event id."""
    out = {}
    for batch in table.to_batches():
        drawn = sketches_of(batch, key, 1).to_pylist()
        out |= dict(zip(batch.column("event_id").to_pylist(), drawn, strict=True))
    return out


def test_what_is_carried_is_what_would_be_drawn(texts_file, sketches_file, key, read):
    drawn, of_texts, _ = read(texts_file, key=key)
    carried, of_sketches, _ = read(sketches_file, key=key)
    assert of(carried, key) == of(drawn, key)
    assert carries(carried.to_batches()[0])
    assert not carries(drawn.to_batches()[0])
    others = [name for name in USAGE.schema.names if not name.endswith("_text")]
    assert carried.select(others).equals(drawn.select(others))
    assert (of_texts.carried.files, of_texts.carried.rows) == (0, 0)
    assert of_sketches.carried.columns == {"input_text", "system_text"}
    assert of_sketches.carried.rows == of_sketches.rows_out
    rows = drawn.select(["input_text", "system_text"]).to_pylist()
    assert of_sketches.carried.wordless == sum(any(row.values()) for row in rows)


def test_a_batch_with_sketches_has_its_rows_in_order(texts_file, key, read):
    table, _, _ = read(texts_file)
    batch = table.combine_chunks().to_batches()[0]
    made = sketched(batch, key, 1)
    assert made.schema == SKETCHED_SCHEMA
    drawn = sketch(batch.column("input_text"), batch.column("system_text"), key, 1)
    assert made.select(SKETCH_SCHEMA.names).equals(drawn)
    assert made.column("event_id").equals(batch.column("event_id"))


def test_rejected_rows_take_their_sketches_with_them(log, tmp_path, key, read):
    """The file holds rows that validation refuses, as one that was written by other means may."""
    drawn = sketch(log["input_text"], log["system_text"], key, 1)
    rest = log.drop_columns(["input_text", "system_text", "output_text"])
    table = pa.table([*rest.columns, *drawn.columns], names=[*rest.column_names, *SKETCH_SCHEMA.names])
    with open_sketched(tmp_path / "good.parquet", key) as out:
        metadata = out.schema.metadata
    (tmp_path / "good.parquet").unlink()
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet", row_group_size=70)
    found, reader, rejects = read(tmp_path, key=key, rejected=tmp_path / "rejected", batch_rows=64)
    assert rejects.by_reason("usage") == {missing("account_id"): 46}
    wanted = dict(zip(log["event_id"].to_pylist(), drawn.to_pylist(), strict=True))
    assert of(found, key) == {e: s for i, (e, s) in enumerate(wanted.items()) if i % 11}
    assert reader.carried.rows == 500 - 46
    kept = [json.loads(line) for line in (tmp_path / "rejected" / "usage.jsonl").read_text().splitlines()]
    assert not set(SKETCH_SCHEMA.names) & {name for row in kept for name in row["content"]}


def test_texts_and_sketches_may_lie_in_one_folder(texts_file, sketches_file, key):
    with RejectLog() as rejects:
        reader = open_usage(texts_file.parent, rejects=rejects, key=key)
        found = [of(pa.Table.from_batches([batch]), key) for batch in reader]
    assert len(found) == 2
    assert found[0] == found[1]
    assert reader.carried.files == 1
    assert reader.adapters == {"native": 2}


def test_where_a_file_has_both_its_sketches_are_taken(changed, log, key, read):
    def with_texts(table):
        return table.append_column("input_text", pa.array(["something else"] * table.num_rows))

    found, reader, _ = read(changed(with_texts), key=key)
    own, _, _ = read(changed(), key=key)
    assert of(found, key) == of(own, key)
    assert set(found["input_text"].to_pylist()) == {"something else"}
    # Only prompts that came without their words are wordless then.
    assert reader.carried.wordless == own["system_marks"].length() - own["system_marks"].null_count


def test_parts_of_the_files_count_together_what_the_whole_does(texts_file, sketches_file, key):
    def opened():
        return open_usage(texts_file.parent, rejects=RejectLog(), key=key)

    whole, reader = opened(), opened()
    rows = pa.Table.from_batches(batch for batch in whole if carries(batch))
    parts = [reader.part([file], RejectLog()) for file in reader.files]
    found = pa.Table.from_batches(batch for part in parts for batch in part if carries(batch))
    assert reader.carried == Carried()
    reader.absorb(parts)
    assert reader.carried == whole.carried
    assert reader.carried.rows > 0
    assert found.equals(rows)


def test_without_a_key_such_columns_are_passed_over(sketches_file, read):
    found, reader, _ = read(sketches_file)
    assert found.schema == USAGE.schema
    assert reader.carried.rows == 0


def test_a_mapping_for_the_others_does_not_apply_to_sketches(sketches_file, tmp_path, key):
    folder = tmp_path / "both"
    folder.mkdir()
    sketches_file.rename(folder / "a.parquet")
    (folder / "b.jsonl").write_text(
        '{"id": "x1", "at": "2026-03-01", "who": "a9", "what": "m", "q": "why"}\n'
    )
    (tmp_path / "map.yaml").write_text(
        "version: 1\ncolumns: {event_id: id, time: at, account_id: who, model: what, input_text: q}\n"
    )
    with RejectLog() as rejects:
        reader = open_usage(folder, rejects=rejects, key=key, mapping=tmp_path / "map.yaml")
        ids = [i for batch in reader for i in batch.column("event_id").to_pylist()]
    assert len(ids) == reader.carried.rows + 1
    assert ids[-1] == "x1"


def test_json_with_such_columns_is_no_sketch(sketches_file, tmp_path, key, read):
    rows = pq.read_table(sketches_file).slice(0, 20).to_pylist()
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    found, reader, _ = read(path, key=key)
    assert found.schema == USAGE.schema
    assert reader.carried.rows == 0


def column(name, value, place=3):
    """A change of one value of a column."""

    def change(table):
        values = table[name].to_pylist()
        values[place] = value
        return table.set_column(
            table.schema.get_field_index(name), name, pa.array(values, SKETCH_SCHEMA.field(name).type)
        )

    return change


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("script", 99, "the value 99"),
        ("text_words", -1, "the value -1"),
        ("digit_share", float("nan"), "the value nan"),
        ("symbol_share", 1.5, "the value 1.5"),
        ("phrases", [1, None], "a list with a null in it"),
        ("phrases", list(range(33)), "a list of 33 values"),
        ("system_phrases", list(range(9)), "a list of 9 values"),
    ],
)
def test_values_that_no_sketch_has_are_refused(changed, key, read, name, value, says):
    with pytest.raises(InputError, match=f"changed.parquet: its column {name} holds {says}"):
        read(changed(column(name, value)), key=key)


def test_other_columns_may_bear_one_name_twice(changed, key, read):
    found, _, _ = read(changed(lambda table: table.append_column("turn", table["event_id"])), key=key)
    own, _, _ = read(changed(), key=key)
    assert found.equals(own)


def test_nulls_are_allowed_everywhere(changed, key, read):
    def emptied(table):
        for name in SKETCH_SCHEMA.names:
            kind = SKETCH_SCHEMA.field(name).type
            table = table.set_column(table.schema.get_field_index(name), name, pa.nulls(table.num_rows, kind))
        return table

    found, reader, _ = read(changed(emptied), key=key)
    assert found.num_rows == reader.rows_out
    assert reader.carried.columns == set()
    assert reader.carried.wordless == 0


@pytest.fixture(scope="session")
def small_file(log, key, tmp_path_factory):
    """Sixty rows with sketches in three row groups."""
    folder = tmp_path_factory.mktemp("small")
    pq.write_table(log.slice(0, 60), folder / "texts.parquet")
    batches = open_usage(folder / "texts.parquet", rejects=RejectLog())
    with open_sketched(folder / "a.parquet", key) as out:
        out.write_table(pa.Table.from_batches([sketched(one, key, 1) for one in batches]), row_group_size=20)
    return folder / "a.parquet"


@settings(max_examples=60)
@given(data=st.data())
def test_damage_is_counted_or_told(small_file, tmp_path_factory, data):
    """Bytes of a file are changed: rows are read or counted as lost, or the file is refused in one line."""
    key, content = Key(bytes(range(16))), bytearray(small_file.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.parquet"
    path.write_bytes(content)
    rejects = RejectLog()
    try:
        reader = open_usage(path, rejects=rejects, key=key)
        batches = list(reader)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert reader.rows_read == reader.rows_out + rejects.total("usage")
    for batch in batches:
        batch.validate(full=True)
        assert sketches_of(batch, key, 1).num_rows == batch.num_rows
