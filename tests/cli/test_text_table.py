"""A table for a terminal."""

from stillwatch.cli.text_table import text_table


def test_numbers_stand_to_the_right_and_no_line_ends_in_spaces():
    assert text_table(["name", "n", "why"], [["a", "1,000", ""], ["longer", "5", "b"]], left=(0, 2)) == [
        "name        n  why",
        "------  -----  ---",
        "a       1,000",
        "longer      5  b",
    ]


def test_without_rows_the_header_stands_alone():
    assert text_table(["a", "b"], []) == ["a  b", "-  -"]
