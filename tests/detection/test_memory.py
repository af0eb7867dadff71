"""Free memory goes back to the system."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys, psutil
import pyarrow as pa
from stillwatch.detection.memory import give_back
def held():
    return psutil.Process().memory_info().rss >> 20
before = held()
kept = []
small = []
for number in range(400_000):
    text = "x" * 300
    small.append(text + str(number))
    if number % 1000 == 0:
        kept.append(number)
full = held()
del small
give_back()
print(full - before, held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library's own function")
def test_what_is_free_is_not_held():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    full, left = map(int, done.stdout.split())
    assert full > 100
    assert left < full / 3
