"""The user's own prompts."""

import json
from pathlib import Path

import pytest

from stillwatch.drill.prompts.library import read_prompts
from stillwatch.records.errors import InputError


def test_prompts_are_read_from_each_format(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a", "b", None, "a"], "kind": [1, 2, 3, 4]}), tmp_path / "p.parquet")
    (tmp_path / "p.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in ("a", "b")))
    (tmp_path / "p.txt").write_text("a\n\nb\n")
    for name in ("p.parquet", "p.jsonl", "p.txt"):
        assert read_prompts(tmp_path / name) == ["a", "b"], name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent.txt", None),
        ("empty.txt", b""),
        ("bad.jsonl", b"{not json"),
        ("bad.parquet", b"PAR1 not really"),
        ("latin.txt", b"\xff\xfe\xff"),
        ("rows.jsonl", b'{"prompt": "x"}'),
    ],
)
def test_bad_prompt_files_are_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_prompts(tmp_path / name)
