"""`stillwatch watch`: a folder is followed, and what changes is told."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from stillwatch.cli.errors import say
from stillwatch.cli.inputs import (
    engine_options,
    exemptions_option,
    lasting_key,
    resource_options,
    resources_of,
    table_options,
)
from stillwatch.cli.options import Strict
from stillwatch.detection.exemption_file import read_exemptions
from stillwatch.detection.preparation import Progress
from stillwatch.detection.run_record import Inputs
from stillwatch.detection.scan import Result
from stillwatch.detection.scan import scan as run_scan
from stillwatch.detection.settings_file import settings_of
from stillwatch.detection.state.folder import StateFolder
from stillwatch.intelligence import write_bundle
from stillwatch.records.errors import InputError
from stillwatch.records.findings import Campaign, Member
from stillwatch.records.signatures import Made
from stillwatch.records.sources import find_files
from stillwatch.watch.courier import Courier
from stillwatch.watch.service import Sink, Watching
from stillwatch.watch.sinks import Cursor, EventFile, EventStream, check_writeable
from stillwatch.watch.webhook import Webhook, check_url, read_secret

STANDARD_OUTPUT = "-"


def _webhook(url: str | None, secret: Path | None) -> Webhook | None:
    if url is None and secret is None:
        return None
    if url is None or secret is None:
        raise InputError(
            "--webhook and --webhook-secret belong together",
            mend=f"give {'--webhook' if url is None else '--webhook-secret'}, too",
        )
    check_url(url)
    return Webhook(url, read_secret(secret))


def _event_file(events: str | None) -> Path | None:
    return None if events in (None, STANDARD_OUTPUT) else Path(str(events))


def _check_places(logs: Path, written: dict[str, Path | None]) -> None:
    """Raise InputError where what a round writes would be new logs for the next."""
    for option, path in written.items():
        if path is not None and logs.resolve() in (path.resolve(), *path.resolve().parents):
            raise InputError(
                "this lies among the logs", where=f"{option} {path}", mend="give a place outside them"
            )


def _add_bundle(
    folder: Path,
    campaigns: Sequence[Campaign],
    members: Sequence[Member],
    templates: Mapping[str, Sequence[Made]],
) -> None:
    write_bundle(folder / "bundle.json", campaigns, members, templates=templates)


@click.command(
    cls=Strict,
    epilog="Example: stillwatch watch --usage logs --accounts accounts.parquet --state state --out results"
    " --events events.jsonl",
)
@table_options
@click.option(
    "--state", required=True, type=click.Path(path_type=Path), help="Folder that keeps what was scanned."
)
@click.option(
    "--retain", type=click.IntRange(1, 36_600), metavar="DAYS", help="Days that --state keeps, from now on."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 86_400),
    default=60.0,
    show_default=True,
    help="Seconds from the beginning of one round to that of the next.",
)
@click.option("--once", is_flag=True, help="One round, and end.")
@click.option(
    "--events", metavar="FILE", help="File to append events to, as JSON lines; - for standard output."
)
@click.option("--webhook", metavar="URL", help="Receiver of events, each signed as Standard Webhooks says.")
@click.option("--webhook-secret", type=click.Path(path_type=Path), help="File with its secret (whsec_...).")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    help="File of settings to judge by (YAML).",
)
@exemptions_option
@engine_options
@click.option("--adapter", metavar="NAME", help="Format of the logs; found out by looking when not given.")
@click.option(
    "--mapping", type=click.Path(path_type=Path), help="Column-mapping file for logs of your own form."
)
@resource_options
def watch(
    usage: str,
    accounts: str | None,
    releases: str | None,
    agreements: str | None,
    state: Path,
    retain: int | None,
    out: Path,
    interval: float,
    once: bool,
    events: str | None,
    webhook: str | None,
    webhook_secret: Path | None,
    settings_file: Path | None,
    exemptions: Path | None,
    engine: str,
    spark_master: str | None,
    spark_conf: Path | None,
    work: Path | None,
    adapter: str | None,
    mapping: Path | None,
    key: Path | None,
    threads: int | None,
    memory: int | None,
) -> None:
    """Follow a folder of logs: scan what is new, and tell what changed as events.

    New files and files that grew are scanned with all that --state holds, and the results in --out are replaced. Groups that
    are accused or up for review, or were, become events when they are new, change or end. Ends with status 0 on SIGTERM
    or Ctrl-C; a later start goes on from the state.
    """
    if not Path(usage).is_dir():
        raise InputError(
            "only a folder can be followed", where=usage, mend="give the folder of the logs with --usage"
        )
    file = _event_file(events)
    _check_places(Path(usage), {"--out": out, "--state": state, "--events": file})
    if file is not None:
        check_writeable(file)
    for table in filter(None, (accounts, releases, agreements)):
        find_files(table)  # while it watches, one that is absent may be about to be replaced
    receiver = _webhook(webhook, webhook_secret)
    settings = settings_of(settings_file)
    exempt = None if exemptions is None else read_exemptions(exemptions)
    resources = resources_of(threads, memory, engine, spark_master, spark_conf, work)
    opened_key = lasting_key(key)

    def scan_round(inputs: Inputs, folder: StateFolder, progress: Progress) -> Result:
        return run_scan(
            inputs,
            out,
            settings=settings,
            exemptions=exempt,
            resources=resources,
            key=opened_key,
            state=folder,
            progress=progress,
            finish=_add_bundle,
        )

    def sinks(state_id: str) -> tuple[Sink | None, Courier | None]:
        sink: Sink | None = None
        if events == STANDARD_OUTPUT:
            sink = EventStream(Cursor(state / "told-stdout.json", state_id))
        elif file is not None:
            sink = EventFile(file, state_id)
        courier = None
        if receiver is not None:
            courier = Courier(receiver, Cursor(state / "told-webhook.json", state_id), say)
        return sink, courier

    watching = Watching(
        Inputs(
            usage,
            accounts,
            releases,
            agreements,
            adapter,
            mapping,
            settings=settings_file,
            exemptions=exemptions,
        ),
        StateFolder(state, retain),
        out,
        scan_round,
        sinks,
        say,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watching.stop.set())
    watching.follow(interval, once=once)
