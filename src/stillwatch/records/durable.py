"""Files that survive a loss of power, and never stand half-written."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_whole(path: Path, data: bytes, aside: Path) -> None:
    """Put a file with this content in the place of `path` in one step; until then it stands at `aside`, beside it."""
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
