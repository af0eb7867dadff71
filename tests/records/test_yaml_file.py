"""Small YAML files: their contents, or one line that says where they are none."""

import pytest

from stillwatch.records.errors import InputError
from stillwatch.records.yaml_file import load_yaml


def test_what_it_holds(tmp_path):
    (tmp_path / "a.yaml").write_text("a: [1, x]\n")
    assert load_yaml(tmp_path / "a.yaml", "settings", "a: 1") == {"a": [1, "x"]}
    (tmp_path / "b.yaml").write_text("# nothing\n")
    assert load_yaml(tmp_path / "b.yaml", "settings", "a: 1") is None


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("1: a\n'1': b\n", {1: "a", "1": "b"}),
        ("a: &x {b: 1}\nc: *x\nd: {<<: *x, b: 2}\n", {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 2}}),
        ("- a: 1\n- a: 1\n", [{"a": 1}, {"a": 1}]),
    ],
)
def test_what_looks_like_a_repeat_and_is_none(tmp_path, text, held):
    (tmp_path / "a.yaml").write_text(text)
    assert load_yaml(tmp_path / "a.yaml", "settings", "a: 1") == held


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a: 1\nb: [1\n", r"a\.yaml:3: not YAML \(.*\); write it as a: 1"),
        (b"a: \x01", r"not YAML \(.*\); write it as a: 1"),
        (b"\xff\xfe\x00", "cannot read the settings .*; name a YAML file"),
        (b"b: 1\na: 2026-02-30\n", r"a\.yaml:2: day is out of range for month; mend that line"),
        (b"a: 1\nb: 2\na: 3\n", r"a\.yaml:3: a stands twice; mend that line"),
        (b"a: 1\nb:\n - {c: 1, c: 2}\n", r"a\.yaml:3: c stands twice; mend that line"),
        (b"a: !!python/object:os.system x", "not YAML"),
        (b"prior: {{ PRIOR }}\n", "not YAML"),
        (b"a: !!map x\n", "not YAML"),
        (b"a: !!map [1, 2]\n", "not YAML"),
        (b"a: !!set [a]\n", "not YAML"),
    ],
)
def test_what_is_none_is_said_in_one_line(tmp_path, data, says):
    (tmp_path / "a.yaml").write_bytes(data)
    with pytest.raises(InputError, match=says):
        load_yaml(tmp_path / "a.yaml", "settings", "a: 1")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"cannot read the settings \(no such file or directory\)"):
        load_yaml(tmp_path / "a.yaml", "settings", "a: 1")
