"""What a file with sketches says of itself, and what is refused for what it is."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.records.errors import InputError
from stillwatch.records.schema import USAGE
from stillwatch.records.sketched.form import (
    FORM,
    KEY,
    MARKS,
    SKETCHED_SCHEMA,
    TEXT_COLUMNS,
    UNICODE,
    files_with_sketches,
    holds_sketches,
    said,
    says_so,
)
from stillwatch.records.sketches import SKETCH_SCHEMA, Key
from stillwatch.records.sources import find_files


def test_sketches_stand_in_place_of_the_texts_and_share_no_name_with_usage():
    assert not set(SKETCH_SCHEMA.names) & set(USAGE.schema.names)
    assert set(USAGE.schema.names) - set(SKETCHED_SCHEMA.names) == set(TEXT_COLUMNS)
    assert SKETCHED_SCHEMA.names[-len(SKETCH_SCHEMA) :] == SKETCH_SCHEMA.names


def test_a_file_says_its_version_and_the_id_of_its_key(sketches_file, key):
    there = pq.ParquetFile(sketches_file).metadata.metadata
    assert there[KEY] == key.id.encode()
    assert key.secret not in sketches_file.read_bytes()
    assert {name: there[name] for name in said(key)} == said(key)
    assert says_so(there)
    assert not says_so({})
    assert not says_so(None)


def test_it_is_known_for_what_it_is(sketches_file, texts_file, key):
    assert holds_sketches(pq.ParquetFile(sketches_file), "x", key)
    assert not holds_sketches(pq.ParquetFile(texts_file), "x", key)


def test_another_key_is_refused_by_its_id(sketches_file, key):
    other = Key(bytes(16))
    with pytest.raises(InputError) as told:
        holds_sketches(pq.ParquetFile(sketches_file), "logs/a.parquet", other)
    assert str(told.value).startswith(f"logs/a.parquet: its sketches stand under the key {key.id}")
    assert other.id in str(told.value)
    assert "--key" in told.value.mend


@pytest.mark.parametrize(("name", "word"), [(FORM, "form 2"), (MARKS, "marks 2"), (UNICODE, "Unicode 2")])
def test_another_version_is_refused(changed, key, name, word):
    here = said(key)[name].decode()
    path = changed(said={**said(key), name: b"2" + here.encode()})
    with pytest.raises(InputError, match=f"another version .{word}{here}, and this stillwatch reads {here}"):
        holds_sketches(pq.ParquetFile(path), "x", key)
    lacking = {k: v for k, v in said(key).items() if k != name}
    if name != FORM:
        with pytest.raises(InputError, match="not said"):
            holds_sketches(pq.ParquetFile(changed(said=lacking)), "x", key)


def test_columns_of_sketches_that_do_not_say_so_are_refused(changed, key):
    path = changed(said={})
    with pytest.raises(InputError, match="does not say under which key"):
        holds_sketches(pq.ParquetFile(path), "x", key)


def test_a_table_that_happens_to_use_some_of_the_names_is_no_sketch(changed, key):
    path = changed(lambda table: table.drop_columns(["item_hash"]), said={})
    assert not holds_sketches(pq.ParquetFile(path), "x", key)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop_columns(["marks"]), "its column marks is not there"),
        (lambda t: t.append_column("script", t["script"]), "its column script is there more than once"),
        (
            lambda t: t.set_column(
                t.schema.get_field_index("item_hash"), "item_hash", t["item_hash"].cast(pa.string())
            ),
            "its column item_hash has type string and not int64",
        ),
        (
            lambda t: t.set_column(
                t.schema.get_field_index("text_words"), "text_words", t["text_words"].cast(pa.int64())
            ),
            "its column text_words has type int64 and not int32",
        ),
        (
            lambda t: t.set_column(
                t.schema.get_field_index("phrases"), "phrases", t["phrases"].cast(pa.list_(pa.string()))
            ),
            "its column phrases has type list",
        ),
        (
            lambda t: t.set_column(t.schema.get_field_index("phrases"), "phrases", t["marks"]),
            "its column phrases has type int64",
        ),
    ],
)
def test_columns_of_another_type_are_refused(changed, key, change, says):
    with pytest.raises(InputError, match=says):
        holds_sketches(pq.ParquetFile(changed(change)), "x", key)


def test_lists_with_wide_offsets_are_lists(changed, key):
    at = SKETCHED_SCHEMA.get_field_index("phrases")
    path = changed(lambda t: t.set_column(at, "phrases", t["phrases"].cast(pa.large_list(pa.int64()))))
    assert holds_sketches(pq.ParquetFile(path), "x", key)


def test_all_files_are_looked_at_before_anything_is_read(sketches_file, texts_file, key):
    folder = sketches_file.parent
    (folder / "broken.parquet").write_bytes(b"PAR1 and no more")
    (folder / "rows.jsonl").write_text("{}\n")
    assert files_with_sketches(find_files(folder).files, key) == {sketches_file}
    with pytest.raises(InputError, match=r"sketches\.parquet"):
        files_with_sketches(find_files(folder).files, Key(bytes(16)))
