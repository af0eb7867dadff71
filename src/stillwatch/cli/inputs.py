"""What commands that read a provider's logs share: options for their tables, resources and key."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import psutil

from stillwatch.cli.options import MOMENT, SIZE
from stillwatch.detection.run_record import Resources
from stillwatch.detection.state.folder import StateFolder
from stillwatch.engines import ENGINES
from stillwatch.engines.spark_settings import MASTER, read_settings
from stillwatch.records.errors import InputError
from stillwatch.records.sketches import Key

Command = TypeVar("Command", bound=Callable[..., Any])

_TABLES = (
    click.option("--usage", required=True, metavar="PATH", help="Usage logs: a file, a folder or a glob."),
    click.option("--accounts", metavar="PATH", help="The accounts table."),
    click.option("--releases", metavar="PATH", help="The table of model releases."),
    click.option("--agreements", metavar="PATH", help="The register of who may distil what."),
)
_FORMAT = (
    click.option(
        "--adapter", metavar="NAME", help="Format of the logs; found out by looking when not given."
    ),
    click.option(
        "--mapping", type=click.Path(path_type=Path), help="Column-mapping file for logs of your own form."
    ),
)
_STATE = (
    click.option(
        "--state",
        type=click.Path(path_type=Path),
        help="Folder that keeps what was scanned: only new logs are read, and all of them judged.",
    ),
    click.option(
        "--retain",
        type=click.IntRange(1, 36_600),
        metavar="DAYS",
        help="Days that --state keeps, from now on; the newest exchange's is the last.",
    ),
)
_WINDOW = (
    click.option("--since", type=MOMENT, help="Take only exchanges from this time on."),
    click.option("--until", type=MOMENT, help="Take only exchanges and accounts before this time."),
    *_FORMAT,
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help="Threads and worker processes to use; all processors by default.",
)
_ENGINE = (
    click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default="duckdb",
        show_default=True,
        help="Where relational work runs.",
    ),
    click.option(
        "--spark-master",
        metavar="URL",
        help="Master of a Spark cluster, such as spark://host:7077; this machine by default.",
    ),
    click.option(
        "--spark-conf",
        type=click.Path(path_type=Path),
        help="File of settings of Spark (spark.executor.memory = 8g, ...).",
    ),
    click.option(
        "--work",
        type=click.Path(path_type=Path),
        help="Folder for what is thrown away; on a cluster all executors must see it. In --out by default.",
    ),
)
_RESOURCES = (
    click.option("--key", type=click.Path(path_type=Path), help="File with the local sketch key (16 bytes)."),
    threads_option,
    click.option(
        "--memory",
        type=SIZE,
        help="Memory to keep to, such as 4GB (less than 1GB is not kept); half of the machine's by default.",
    ),
)

exemptions_option = click.option(
    "--exemptions",
    type=click.Path(path_type=Path),
    help="File of exemptions that expire: organisation, template, author, reason.",
)


def _all(options: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


table_options = _all(_TABLES)
format_options = _all(_FORMAT)
window_options = _all(_WINDOW)
state_options = _all(_STATE)
resource_options = _all(_RESOURCES)
engine_options = _all(_ENGINE)


def check_window(since: int | None, until: int | None) -> None:
    """Raise InputError for a window that holds no time."""
    if since is not None and until is not None and since >= until:
        raise InputError("--since is not before --until", mend="give an earlier --since")


def available_threads() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def resources_of(
    threads: int | None,
    memory: int | None,
    engine: str,
    spark_master: str | None = None,
    spark_conf: Path | None = None,
    work: Path | None = None,
) -> Resources:
    """What was asked for, or all processors and half of the machine's memory. InputError for settings that do not fit."""
    if engine != "spark" and (spark_master is not None or spark_conf is not None):
        name = "--spark-conf" if spark_master is None else "--spark-master"
        raise InputError(f"{name} is for the engine spark", mend="add --engine spark, or leave it out")
    settings = {} if spark_conf is None else read_settings(spark_conf)
    if spark_master is not None:
        settings[MASTER] = spark_master
    return Resources(
        threads=threads or available_threads(),
        memory=memory or psutil.virtual_memory().total // 2,
        engine=engine,
        engine_settings=settings,
        work=work,
    )


def state_folder(folder: Path | None, retain: int | None) -> StateFolder | None:
    """The state that --state and --retain ask for."""
    if folder is None and retain is not None:
        raise InputError("--retain without --state", mend="give the folder with --state")
    return None if folder is None else StateFolder(folder, retain)


def open_key(path: Path | None) -> Key:
    """The key at `path`; else the user's own, made at first use; else one for this run, where none can be kept."""
    if path is not None:
        return Key.load(path)
    try:
        own = Key.default_path()
        if own.exists():
            return Key.load(own)
    except (OSError, RuntimeError):
        return Key(os.urandom(16))
    try:
        return Key.load_or_create(own)
    except InputError:
        # Results are the same under every key: only sketches that are kept need one that is kept.
        return Key(os.urandom(16))


def lasting_key(path: Path | None) -> Key:
    """The key at `path`, or the user's own, made at first use: one for sketches that are kept.

    Raises InputError where it cannot be kept, since nothing could be done with the sketches without it.
    """
    if path is not None:
        return Key.load(path)
    try:
        own = Key.default_path()
    except RuntimeError:
        raise InputError(
            "there is no home folder to keep the sketch key in", mend="give a key of 16 bytes with --key"
        ) from None
    return Key.load_or_create(own)
