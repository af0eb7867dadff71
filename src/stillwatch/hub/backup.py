"""Backups, and the move from one store to the other.

A backup is one SQLite file with the hub's tables and one more, `backup`, that holds hub.json, the keys and the forum's own
rules. Whichever store it was made of, either can be made of it.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stillwatch.hub import folder as folders
from stillwatch.hub.database import Database, Transaction
from stillwatch.hub.errors import Refused
from stillwatch.hub.folder import RULES, SQLITE, Settings
from stillwatch.hub.sqlite import Sqlite
from stillwatch.records.durable import sync_folder
from stillwatch.records.errors import InputError, plainly

TABLES = (
    "heads",
    "members",
    "credentials",
    "tokens",
    "usage",
    "collections",
    "grants",
    "epochs",
    "pseudonyms",
    "authors",
    "objects",
    "contents",
    "batches",
    "reports",
    "statuses",
    "tiles",
    "bundles",
    "cosigned",
    "cosignatures",
)
"""All tables of the hub, each after those that it refers to."""

_ROWS = 2000


def copy(source: Transaction, target: Transaction, columns: dict[str, list[str]]) -> None:
    """Copy all tables, a few rows at a time."""
    for table in TABLES:
        names = columns[table]
        for rows in _chunks(source.stream(f"SELECT {', '.join(names)} FROM {table}")):
            target.insert(table, names, rows)


def _chunks(lines: Iterator[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def columns_of(sqlite: Database) -> dict[str, list[str]]:
    """The columns of all tables, as the embedded store knows them."""
    with sqlite.read() as tx:
        return {
            table: [name for (name,) in tx.query("SELECT name FROM pragma_table_info(?)", (table,))]
            for table in TABLES
        }


def back_up(database: Database, folder: Path, settings: Settings, file: Path) -> None:
    """Write everything to one file that only its owner may read, as it is at one moment. Raises InputError."""
    aside = file.with_name(f".{file.name}.part")
    if not file.parent.is_dir():
        raise InputError("there is no such folder", where=str(file.parent), mend="make it, or name another")
    try:
        _remove(aside)
        target = Sqlite(aside)
        try:
            with database.read() as source, target.write() as tx:
                copy(source, tx, columns_of(target))
                tx.execute("CREATE TABLE backup (name TEXT PRIMARY KEY, data BLOB NOT NULL)")
                # Where the database was is of no use elsewhere, and may hold a password.
                said = {**asdict(settings), "database": None}
                files = {"hub.json": json.dumps(said).encode(), **folders.key_files(folder)}
                if (folder / RULES).exists():
                    files[RULES] = (folder / RULES).read_bytes()
                tx.insert("backup", ("name", "data"), list(files.items()))
        finally:
            target.close()
        with aside.open("rb+") as handle:
            os.fsync(handle.fileno())
        aside.replace(file)
        sync_folder(file.parent)
    except (OSError, Refused) as error:
        reason = error.description if isinstance(error, Refused) else plainly(error)
        raise InputError(
            f"the backup can't be written ({reason})",
            where=str(file),
            mend="see that there is room, or try again",
        ) from None
    finally:
        _remove(aside)


def restore_files(folder: Path, file: Path) -> Settings:
    """Make keys and the embedded store of a backup; hub.json is left to the caller. Raises InputError."""
    if folders.has_hub(folder):
        raise InputError("there is a hub already", where=str(folder), mend="give another folder with --dir")
    try:
        with closing(
            sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as connection:
            files = dict(connection.execute("SELECT name, data FROM backup"))
        settings = Settings(**json.loads(files.pop("hub.json")))
        keys = {name: files[name] for name in folders.KEY_FILES}
        own_rules = files.get(RULES)
    except (sqlite3.Error, ValueError, KeyError, TypeError):
        raise InputError(
            "no backup of a hub", where=str(file), mend="give a file that `stillwatch hub backup` wrote"
        ) from None
    folders.write_keys(folder, keys)
    try:
        # Without them the rules of the package would hold, and could let pass what the forum does not.
        if own_rules is not None:
            (folder / RULES).write_bytes(own_rules)
        with file.open("rb") as source, os.fdopen(_private(folder / SQLITE), "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        database = Sqlite(folder / SQLITE)
        with database.write() as tx:
            tx.execute("DROP TABLE backup")
        database.close()
    except OSError as error:
        raise InputError(f"cannot write there ({plainly(error)})", where=str(folder)) from None
    return settings


def move(folder: Path, target: Database) -> None:
    """Move the embedded store of a folder into an empty one, whole or not at all; the file goes when `forget` is called."""
    source = Sqlite(folder / SQLITE)
    try:
        # Nobody may write to what is being moved: the write is held until all of it has arrived.
        with source.write(), source.read() as old, target.write() as tx:
            copy(old, tx, columns_of(source))
    finally:
        source.close()


def forget(folder: Path) -> None:
    """Remove the embedded store: its content is elsewhere, and what is erased there must not stay here."""
    _remove(folder / SQLITE)


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
