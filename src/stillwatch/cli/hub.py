"""`stillwatch hub`: the forum's side of the exchange."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stillwatch.cli.extras import needing
from stillwatch.cli.options import Strict
from stillwatch.records.errors import InputError

if TYPE_CHECKING:
    from stillwatch.hub.exchange import Exchange

_BROKEN = 5


_folder = click.option(
    "--dir", "folder", required=True, type=click.Path(path_type=Path), help="Folder of the hub."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_database = click.option(
    "--database",
    metavar="URL",
    help="PostgreSQL to keep the rows in, as postgresql://user@host/name; a file in DIR without it.",
)


def _exchange() -> "type[Exchange]":
    with needing("hub"):
        from stillwatch.hub.exchange import Exchange
    return Exchange


def _print(result: dict[str, Any]) -> None:
    click.echo(json.dumps(result, indent=2))


def _say(as_json: bool, result: dict[str, Any], line: str) -> None:
    if as_json:
        _print(result)
    else:
        click.echo(line)


@click.group(epilog="Example: stillwatch hub init --dir forum")
def hub() -> None:
    """Run the forum's hub: members share STIX objects over TAXII 2.1, in real time, with a log that all can check."""


@hub.command(cls=Strict, epilog="Example: stillwatch hub init --dir forum --url https://hub.example")
@_folder
@click.option(
    "--url",
    default="http://127.0.0.1:8600",
    show_default=True,
    help="Where members will reach the hub; plain HTTP on this machine follows where it is served.",
)
@_database
@_json
def init(folder: Path, url: str, database: str | None, as_json: bool) -> None:
    """Make a new hub: keys, an empty log and one collection that every member may read and write."""
    exchange = _exchange()
    from stillwatch.hub.server import checked_url

    with exchange.create(folder, checked_url(url), database):
        pass
    from stillwatch.hub.folder import read_settings

    made = read_settings(folder)
    _say(
        as_json,
        {"id": made.id, "url": made.url, "collection": made.collection},
        f"hub {made.id} is in {folder}; back up {folder / 'keys'}, which nothing can replace",
    )


@hub.command(
    cls=Strict,
    epilog="""\b
Examples:
  stillwatch hub serve --dir forum
  stillwatch hub serve --dir forum --host 0.0.0.0 --tls-cert hub.pem --tls-key hub.key --client-ca members.pem""",
)
@_folder
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8600,
    show_default=True,
    help="Port to listen on; 0 for any that is free, which the first line of the log tells.",
)
@_database
@click.option("--url", help="Where members reach the hub from now on; kept in DIR.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain of the hub, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key, if that is in a file of its own.")
@click.option(
    "--client-ca",
    type=click.Path(path_type=Path),
    help="Authorities whose client certificates are looked at (mutual TLS), PEM.",
)
@click.option(
    "--no-tls",
    is_flag=True,
    help="Listen beyond loopback without TLS: something in front of the hub does it.",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Address or network of a proxy whose X-Forwarded-For is believed; may be given more than once.",
)
def serve(folder: Path, **options: Any) -> None:
    """Serve the hub: TAXII 2.1 at /taxii2/, events at /stream, the log at /log/, and what nodes ask at /exchange/v1/.

    Also /oauth2/token, /openapi.json, /metrics, /healthz and /readyz. The log is JSON lines on stderr; SIGTERM ends
    it when requests in progress are answered.
    """
    with needing("hub"):
        from stillwatch.hub.server import Serving
        from stillwatch.hub.server import serve as run
    run(Serving(folder=folder, **options))


@hub.group(epilog="Example: stillwatch hub member add --dir forum northwind")
def member() -> None:
    """Add, list and revoke members."""


@member.command(
    "add", cls=Strict, epilog="Example: stillwatch hub member add --dir forum northwind > northwind.json"
)
@_folder
@click.argument("name")
def add_member(folder: Path, name: str) -> None:
    """Add a member, and print its credentials as JSON: once, since only digests of them are kept.

    Saved to a file it is what `stillwatch node init --credentials` reads.
    """
    with _exchange().open(folder) as exchange:
        _print(exchange.add_member(name))


@member.command("list", cls=Strict, epilog="Example: stillwatch hub member list --dir forum --json")
@_folder
@_json
def list_members(folder: Path, as_json: bool) -> None:
    """List the members."""
    with _exchange().open(folder) as exchange:
        members = exchange.members()
    if as_json:
        _print(
            {"members": [{"member_id": m.member_id, "name": m.name, "revoked": m.revoked} for m in members]}
        )
        return
    for each in members:
        click.echo(f"{each.member_id}  {each.name}{'  (revoked)' if each.revoked else ''}")


@member.command("revoke", cls=Strict, epilog="Example: stillwatch hub member revoke --dir forum northwind")
@_folder
@click.argument("member", metavar="NAME_OR_ID")
def revoke_member(folder: Path, member: str) -> None:
    """Revoke a member: its credentials, tokens and streams end within a second, in every running process."""
    with _exchange().open(folder) as exchange:
        exchange.revoke_member(member)
    click.echo(f"{member} is revoked; what it shared stays")


@member.command(
    "certificate",
    cls=Strict,
    epilog="Example: stillwatch hub member certificate --dir forum northwind northwind.pem",
)
@_folder
@click.argument("member", metavar="NAME_OR_ID")
@click.argument("certificate", metavar="FILE", type=click.Path(path_type=Path))
@_json
def bind_certificate(folder: Path, member: str, certificate: Path, as_json: bool) -> None:
    """Let a client certificate (PEM) stand for a member, for mutual TLS."""
    pem = certificate.read_bytes()
    with _exchange().open(folder) as exchange:
        try:
            fingerprint = exchange.bind_certificate(member, pem)
        except InputError as error:
            raise InputError(error.what, where=error.where or str(certificate), mend=error.mend) from None
    _say(as_json, {"fingerprint": fingerprint}, f"SHA-256 fingerprint {fingerprint}")


@hub.group(epilog="Example: stillwatch hub collection add --dir forum --title 'Early warnings'")
def collection() -> None:
    """Add collections beside the one that all members share."""


@collection.command(
    "add",
    cls=Strict,
    epilog="Example: stillwatch hub collection add --dir forum --title 'Early warnings' --alias early",
)
@_folder
@click.option("--title", required=True, help="What members see.")
@click.option("--alias", help="Name that stands for its id in paths.")
@click.option("--description", default="", help="More of it.")
@_json
def add_collection(folder: Path, title: str, alias: str | None, description: str, as_json: bool) -> None:
    """Add a collection that every member may read and write."""
    with _exchange().open(folder) as exchange:
        made = exchange.add_collection(title, alias, description)
    _say(as_json, {"id": made, "title": title, "alias": alias}, f"collection {made}")


@hub.group(epilog="Example: stillwatch hub epoch new --dir forum")
def epoch() -> None:
    """Epochs: the time in which pseudonyms and keys are valid."""


@epoch.command("new", cls=Strict, epilog="Example: stillwatch hub epoch new --dir forum --json")
@_folder
@_json
def new_epoch(folder: Path, as_json: bool) -> None:
    """Begin a new epoch: a new template key, and new pseudonyms of all members."""
    with _exchange().open(folder) as exchange:
        made = exchange.new_epoch()
    # The template key is for members only.
    shown = {key: value for key, value in made.items() if key != "template_key"}
    _say(as_json, shown, f"epoch {made['number']} has begun")


@hub.command(cls=Strict, epilog="Example: stillwatch hub verify --dir forum")
@_folder
@_json
def verify(folder: Path, as_json: bool) -> int:
    """Check the whole log against the stored objects; exit status 5, naming the first bad entry, when they differ."""
    with _exchange().open(folder) as exchange:
        fault = exchange.verify()
    if fault is None:
        _say(as_json, {"ok": True}, "the log and the stored objects agree")
        return 0
    _say(as_json, {"ok": False, "entry": fault.entry, "fault": fault.what}, str(fault))
    return _BROKEN


@hub.command(cls=Strict, epilog="Example: stillwatch hub backup --dir forum --out forum.backup")
@_folder
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="File to write; it holds the keys."
)
def backup(folder: Path, out: Path) -> None:
    """Write everything, keys included, to one file, while the hub serves."""
    with _exchange().open(folder) as exchange:
        exchange.backup(out)
    click.echo(f"{out} holds the hub and its keys; keep it as you keep these")


@hub.command(cls=Strict, epilog="Example: stillwatch hub restore --dir forum --from forum.backup")
@_folder
@click.option(
    "--from", "file", required=True, type=click.Path(path_type=Path), help="File that `hub backup` wrote."
)
@_database
def restore(folder: Path, file: Path, database: str | None) -> None:
    """Make a hub of a backup, in an empty folder, on either store."""
    _exchange().restore(folder, file, database)
    click.echo(f"the hub is in {folder}; members that were ahead of the backup are told so")
