"""Marks: generic signs, in many languages, of what extraction asks for. A mark alone accuses nobody."""

from stillwatch.records.sketches.marks.lexicon import LANGUAGES, MARKS, MARKS_VERSION, Mark

__all__ = ["LANGUAGES", "MARKS", "MARKS_VERSION", "Mark"]
