"""The compiled entry points notice when a function that they call has changed."""

from stillwatch.records.sketches import kernel


def test_the_digest_of_the_sources_is_part_of_what_is_compiled():
    entry_points = (kernel.sketch_rows, kernel.system_rows, kernel.token_rows)
    for function in entry_points:
        cells = dict(
            zip(function.py_func.__code__.co_freevars, function.py_func.__closure__, strict=True),
        )
        assert cells["stamp"].cell_contents == kernel._stamp()
    assert kernel._stamp() >= 0
