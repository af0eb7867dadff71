"""What could not be used, line by line."""

from stillwatch.cli.losses import lost

NOTHING = {"rejected": {"usage": {}}, "files": {"not_whole": [], "left_out": []}, "values_dropped": {}}


def test_nothing_lost_says_nothing():
    assert lost(NOTHING) == []


def test_every_loss_has_its_line():
    file = {"table": "usage", "source": "b.parquet", "reason": "file ends in the middle", "detail": "page 2."}
    run = {
        "rejected": {"usage": {"missing model": 2, "too long": 1}},
        "files": {"not_whole": [file, {**file, "detail": ""}], "left_out": [f"{i}.txt" for i in range(5)]},
        "values_dropped": {"turn: wrong type": 7},
    }
    assert lost(run) == [
        "rejected of usage: 2 missing model, 1 too long",
        "not read, or not to its end: b.parquet (file ends in the middle: page 2)",
        "not read, or not to its end: b.parquet (file ends in the middle)",
        "values that could not be used: 7 turn: wrong type",
        "not read: 0.txt, 1.txt, 2.txt and 2 more",
    ]
