"""From a folder to a store: a new hub, one that is there, and one that moves to a server."""

from contextlib import suppress
from pathlib import Path
from shutil import rmtree

from stillwatch.hub import backup
from stillwatch.hub import folder as folders
from stillwatch.hub.database import Database, Transaction
from stillwatch.hub.errors import Refused
from stillwatch.hub.folder import SQLITE, Settings
from stillwatch.hub.sqlite import Sqlite
from stillwatch.records.errors import InputError


def connect(folder: Path, url: str | None) -> Database:
    """The store of a URL, or the one in the folder. Raises InputError."""
    if url is None:
        return Sqlite(folder / SQLITE)
    # Only who has a server needs the package that talks to it.
    from stillwatch.hub.postgres import Postgres

    return Postgres(url)


def undo(folder: Path) -> None:
    """Take back what was made of a hub that could not be made."""
    with suppress(OSError):
        backup.forget(folder)
        rmtree(folder / "keys", ignore_errors=True)


def require_empty(database: Database, where: str) -> None:
    """Raise InputError where a store has a hub already."""
    if _hub(database) is not None:
        raise InputError(
            "the database has a hub already", where=where, mend="give an empty one with --database"
        )


def _hub(database: Database) -> tuple[str, int, str] | None:
    line = database.one("SELECT hub_id, log_size, checkpoint FROM heads")
    return None if line is None else (line[0], line[1], line[2])


def begin(tx: Transaction, settings: Settings, checkpoint: str) -> None:
    """Say whose the store is, and that nothing is in it."""
    tx.execute(
        "INSERT INTO heads (one, hub_id, seq, date_added, log_size, checkpoint) VALUES (1, ?, 0, 0, 0, ?)",
        (settings.id, checkpoint),
    )


def opened(folder: Path, settings: Settings, url: str | None) -> tuple[Settings, Database]:
    """The store of a hub that is there, moved to the server at `url` where it was not there yet. Raises InputError."""
    wanted = url or settings.database
    if wanted is None and not (folder / SQLITE).exists():
        raise InputError("the hub has no database", where=str(folder), mend="restore it from a backup")
    database = connect(folder, wanted)
    try:
        held = _hub(database)
        if wanted is not None and held is None:
            if not (folder / SQLITE).exists():
                raise InputError(
                    "the database is empty, and the folder holds nothing to fill it with",
                    where="--database",
                    mend="give the hub's database, or restore a backup",
                )
            backup.move(folder, database)
            held = _hub(database)
        if held is None or held[0] != settings.id:
            raise InputError(
                "the database belongs to another hub",
                where="--database" if url else str(folder / "hub.json"),
                mend="give the one of this hub, or an empty one",
            )
        if wanted is not None and (settings.database != wanted or (folder / SQLITE).exists()):
            _require_newest(folder, held)
            settings = folders.with_database(folder, settings, wanted)
            backup.forget(folder)
    except Refused as refused:
        database.close()
        raise InputError(refused.description, where=str(folder), mend="try again") from None
    except BaseException:
        database.close()
        raise
    return settings, database


def _require_newest(folder: Path, held: tuple[str, int, str]) -> None:
    """Raise InputError where the file in the folder has more than the server: it was used after it had been moved."""
    if not (folder / SQLITE).exists():
        return
    local = Sqlite(folder / SQLITE)
    try:
        there = _hub(local)
    finally:
        local.close()
    if there is not None and there[1] > held[1]:
        raise InputError(
            "the database holds an older state of this hub than the folder",
            where="--database",
            mend="give an empty one",
        )
