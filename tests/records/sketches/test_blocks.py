"""Opaque and marked reasoning blocks."""

import base64
import random
import textwrap

import pyarrow as pa
import pytest

from stillwatch.records.sketches import Key, sketch

KEY = Key(bytes(16))


def blob(seed: int, size: int = 300) -> str:
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


def block(text: str) -> int | None:
    return sketch(pa.array([text]), None, KEY, threads=1)["block_hash"][0].as_py()


@pytest.mark.parametrize(
    "around", ["{}", "Transcribe this: {} Thanks.", "see\n\n{}\nWhat does it say?", '"signature": "{}"']
)
@pytest.mark.parametrize("width", [10_000, 64, 76])
def test_the_same_block_in_any_text(around, width):
    wrapped = "\n".join(textwrap.wrap(blob(1), width))
    assert block(around.format(wrapped)) == block(blob(1)) != block(blob(2))


def test_hexadecimal_counts_too():
    assert block(random.Random(3).randbytes(150).hex()) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word " * 200,
        "word\n" * 200,
        "-" * 400,
        "1" * 400,
        "a" * 400,
        blob(1, 100),
        "/usr/lib/python3/dist-packages" * 12,
        "<table><tr><td>" + "cell " * 100 + "</td></tr></table>",
        "x" * 70 + "\n" + "y" * 70 + "\nend of it",
    ],
)
def test_what_is_no_block(text):
    assert block(text) is None


def test_text_between_thinking_tags():
    inner = "First I consider the easy case, and then the harder one, where nothing is given. " * 4
    found = block(f"Before.\n<thinking>\n{inner}\n</thinking>\nContinue from there.")
    assert found is not None
    assert found == block(f"<THINKING kind='x'> {inner}</Thinking>")
    assert found != block(f"<thinking>{inner} More.</thinking>")
    assert block("<thinking>short</thinking>") is None
    assert block(f"<thinking>{inner}") is None
    assert block(f"<code>{inner}</code>") is None


def test_the_longest_block_counts():
    assert block(f"{blob(1, 200)} and {blob(2, 400)} and {blob(3, 250)}") == block(blob(2, 400))
