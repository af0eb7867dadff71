"""Sketches of texts, made at intake: hashes, sampled phrases, marks and features, under a local key.

All hashes are computed with fixed public functions and leave through a function keyed with the local key. So
who shares what with whom is the same under every key, and whoever holds stored sketches without the key cannot
test a guessed text against them.
"""

from stillwatch.records.sketches.key import Key
from stillwatch.records.sketches.luck import luck
from stillwatch.records.sketches.marks import LANGUAGES, MARKS, MARKS_VERSION, Mark
from stillwatch.records.sketches.sketch import SKETCH_SCHEMA, sketch, split_words, words
from stillwatch.records.sketches.unicode_table import SCRIPTS

__all__ = [
    "LANGUAGES",
    "MARKS",
    "MARKS_VERSION",
    "SCRIPTS",
    "SKETCH_SCHEMA",
    "Key",
    "Mark",
    "luck",
    "sketch",
    "split_words",
    "words",
]
