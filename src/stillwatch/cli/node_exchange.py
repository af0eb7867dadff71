"""`stillwatch node` in what goes out and what comes in."""

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stillwatch.cli.errors import say
from stillwatch.cli.extras import needing
from stillwatch.cli.node_parts import (
    BROKEN,
    REFUSED,
    Ended,
    NodeCommand,
    folder_option,
    json_option,
    node,
    opened,
    over,
    print_json,
    say_refusals,
    told,
)
from stillwatch.cli.options import MOMENT
from stillwatch.cli.text_table import text_table
from stillwatch.records.errors import InputError

if TYPE_CHECKING:
    from stillwatch.node.node import Node
    from stillwatch.node.publishing import Explained
    from stillwatch.node.receiving import Item

_WIDEST = 60

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_bundle = click.argument("bundle", type=_file)
_out = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for what is received: bundles, signatures, leads, a guard's candidates [default: DIR/received].",
)


@node.command(
    cls=NodeCommand,
    epilog="""\b
Example:
  stillwatch hub member add --dir forum northwind > northwind.json
  stillwatch node init --dir mine --hub http://127.0.0.1:8600 --credentials northwind.json""",
)
@folder_option
@click.option("--hub", "url", required=True, help="The hub's address, such as https://hub.example:8600.")
@click.option(
    "--credentials", required=True, type=_file, help="File of what `stillwatch hub member add` printed."
)
@click.option(
    "--accounts",
    type=click.IntRange(1, 10**12),
    help="The provider's number of accounts, against which the share that may be matched is held.",
)
@click.option("--ca", type=_file, help="Certificates that may sign the hub's, PEM; the system's without it.")
@click.option("--client-cert", type=_file, help="Certificate for mutual TLS, PEM.")
@click.option("--client-key", type=_file, help="Its key, if that is in a file of its own.")
@click.option(
    "--no-tls", is_flag=True, help="Reach a hub beyond loopback without TLS: something else does it."
)
@json_option
def init(
    folder: Path,
    url: str,
    credentials: Path,
    accounts: int | None,
    ca: Path | None,
    client_cert: Path | None,
    client_key: Path | None,
    no_tls: bool,
    as_json: bool,
) -> None:
    """Make a node: its keys, and which hub it trusts. The hub is not asked yet."""
    with needing("node"):
        from stillwatch.node.folder import Folder, checked_hub
    try:
        said = json.loads(credentials.read_bytes())
    except ValueError:
        raise InputError(
            "this is no JSON",
            where=str(credentials),
            mend="give the file of what `stillwatch hub member add` printed",
        ) from None
    if client_key is not None and client_cert is None:
        raise click.UsageError("--client-key needs --client-cert")
    certificate = None if client_cert is None else (client_cert, client_key or client_cert)
    address = checked_hub(url, tls=not no_tls)
    try:
        made = Folder.create(folder, address, said, accounts=accounts, ca=ca, certificate=certificate)
    except InputError as error:
        # What is wrong with credentials does not say in which file.
        raise InputError(error.what, where=error.where or str(credentials), mend=error.mend) from None
    if as_json:
        print_json({"member_id": made.member_id, "hub": address, "dir": str(folder)})
    else:
        click.echo(
            f"{folder} is the node of {made.member_id} at {address}; its keys are in {folder / 'keys'}"
        )


@node.command(cls=NodeCommand, epilog="Example: stillwatch node explain --dir mine result/bundle.json")
@folder_option
@_bundle
@json_option
def explain(folder: Path, bundle: Path, as_json: bool) -> int:
    """Show what publishing BUNDLE would send, which rule lets each field leave, and what is refused and why.

    Nothing is sent, and the hub is not asked. Exit status 3 when the rules refuse something.
    """
    with opened(folder) as own:
        from stillwatch.intelligence.wording import reasons
        from stillwatch.node.publishing import read_bundle

        found = own.explain(read_bundle(bundle))
    why = {item["id"]: reasons(item, found.rules) for item in found.objects if _left(found, item)}
    if as_json:
        told = {name: [vars(one) for one in each] for name, each in why.items()}
        print_json({**found.document(), "why": told})
        return REFUSED if found.refusals else 0
    for identifier, each in why.items():
        if not each:
            click.echo(f"{identifier} would leave: it is the same for everybody")
            continue
        click.echo(f"{identifier} would leave:")
        rows = [(_field(one.field), _short(_text(one.value)), _short(one.rule)) for one in each]
        for line in text_table(("field", "value", "rule"), rows, (0, 1, 2)):
            click.echo(f"  {line}")
    for change in found.changes:
        if change.after is None:
            click.echo(f"{change.object_id} stays: it stands for this member")
        else:
            click.echo(f"{change.object_id}: {change.field} becomes {change.after}, was {change.before}")
    say_refusals(found)
    if line := over(found):
        click.echo(line)
    click.echo(_summary(found))
    return REFUSED if found.refusals else 0


@node.command(
    cls=NodeCommand,
    epilog="""\b
Examples:
  stillwatch node publish --dir mine result/bundle.json
  stillwatch node publish --dir mine result/bundle.json --not-before 2026-03-01""",
)
@folder_option
@_bundle
@click.option(
    "--not-before", type=MOMENT, default=0, help="Keep it queued until then; `node serve` sends it."
)
@json_option
def publish(folder: Path, bundle: Path, not_before: int, as_json: bool) -> int:
    """Publish all of BUNDLE, or nothing where the disclosure rules refuse a part of it (exit status 3).

    It is kept before it is sent, under signed batches, and sent once, however often that has to be tried. With the hub
    out of reach it stays queued, and goes with the next command that reaches it.
    """
    with opened(folder) as own:
        from stillwatch.node.publishing import read_bundle

        done = own.publish(read_bundle(bundle), not_before)
    return told(done, as_json)


@node.command(
    cls=NodeCommand,
    epilog="""\b
Examples:
  stillwatch node sync --dir mine
  stillwatch node sync --dir mine --follow --out received
  stillwatch scan --usage usage --signatures received/signatures.jsonl --out result""",
)
@folder_option
@click.option(
    "--follow", is_flag=True, help="Go on, and take what members publish as it comes, until Ctrl-C."
)
@_out
@json_option
def sync(folder: Path, follow: bool, out: Path | None, as_json: bool) -> int:
    """Send what is queued, take what is new, hold it against the log, and write it.

    A log that forked or shrank, or an object that is not the one that was signed and logged, is refused: exit status 5, with
    the evidence in a file. With --json and --follow each object is a line as it comes, before it was held against the log.
    """
    target = out or folder / "received"
    with opened(folder) as own:
        from stillwatch.node.client import UnreachableError

        if follow:
            _follow(own, target, as_json)
            return 0
        try:
            done = own.sync()
        except UnreachableError as error:
            with own.folder.working():
                own.exports.write(target)
            raise Ended(
                2, f"the hub is out of reach ({error}); what is here already is in {target}"
            ) from None
        with own.folder.working():
            made = own.exports.write(target)
        waiting = own.queue.waiting()
    result = {
        "received": done.received,
        "sent": done.sent.taken,
        "refused": done.sent.refused,
        "waiting": waiting,
        "log_size": done.log_size,
        "cosigned": done.cosigned,
        "not_shown": done.not_shown,
        "problem": done.problem,
        "bundles": [str(target / name) for name in made],
    }
    if as_json:
        print_json(result)
        return 2 if done.problem else 0
    click.echo(
        f"{done.received} objects received, {done.sent.taken} sent; the log of {done.log_size} entries holds them"
    )
    for each in done.sent.refused:
        say(f"{each['id']}: the hub refused it: {each['reason']}")
    if done.not_shown:
        click.echo(
            f"{done.not_shown} objects of the log were not given: of collections that are not yours, or withheld"
        )
    for name in made:
        click.echo(target / name)
    if done.problem:
        say(f"{waiting} objects stay queued: {done.problem}")
        return 2
    return 0


def _follow(own: "Node", out: Path, as_json: bool) -> None:
    from stillwatch.node.following import Following

    def line(items: "Sequence[Item]") -> None:
        for item in items:
            if as_json:
                body = None if item.body is None else json.loads(item.body)
                click.echo(json.dumps({"seq": item.seq, "object": body}))
            elif item.body is not None:
                said = json.loads(item.body)
                click.echo(f"{item.seq}  {said['type']}  {said['id']}")

    following = Following(own, out=out, told=line)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: following.stop())
    following.run(patient=False)


@node.command(cls=NodeCommand, epilog="Example: stillwatch node serve --dir mine --out received")
@folder_option
@_out
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the status pages.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8620,
    show_default=True,
    help="Their port; 0 for any that is free, which the log tells.",
)
def serve(folder: Path, out: Path | None, host: str, port: int) -> None:
    """Follow the hub as a service: receive, verify, send what other commands queue, cosign the log.

    /healthz, /readyz, /metrics and /status tell how it stands. The log is JSON lines on stderr; SIGTERM ends it. A hub that
    is found at fault ends it with exit status 5.
    """
    with needing("node"):
        from stillwatch.node.faults import OpenFaultError
        from stillwatch.node.node import FaultError
        from stillwatch.node.service import Serving
        from stillwatch.node.service import serve as run
    try:
        run(Serving(folder, out or folder / "received", host, port))
    except (FaultError, OpenFaultError) as error:
        raise Ended(BROKEN, str(error)) from None


@node.command(cls=NodeCommand, epilog="Example: stillwatch node verify --dir mine")
@folder_option
@click.option("--offline", is_flag=True, help="Check only what is kept here.")
@json_option
def verify(folder: Path, offline: bool, as_json: bool) -> int:
    """Check the whole log against the objects that are kept, and what the hub gives now against both.

    Exit status 5, naming the first bad entry, when they differ.
    """
    with opened(folder) as own:
        found = own.verify(ask=not offline)
    if as_json:
        print_json(
            {
                "ok": found.bad is None,
                "entry": None if found.bad is None else found.bad.entry,
                "fault": None if found.bad is None else found.bad.what,
                "entries_at_hub": found.entries,
                "problem": found.problem,
            }
        )
    elif found.bad is not None:
        click.echo(str(found.bad))
    else:
        click.echo("the log and the objects that are kept here agree")
        if found.entries is not None:
            click.echo(f"so does all that the hub gives now ({found.entries} entries)")
        elif found.problem is not None:
            click.echo(f"the hub is out of reach, and was not held against them ({found.problem})")
    return 0 if found.bad is None else BROKEN


@node.command(cls=NodeCommand, epilog="Example: stillwatch node status --dir mine --json")
@folder_option
@json_option
def status(folder: Path, as_json: bool) -> None:
    """Show where the node stands: what it received, what waits, what was refused, open faults."""
    with opened(folder) as own:
        follower = own.store.get("follower") or {}
        open_faults = [fault.id for fault in own.faults.all() if fault.cleared is None]
        epochs = own.forum.epochs()
        rules = own.forum.rules()
        result = {
            "member_id": own.folder.member_id,
            "hub": own.client.url,
            "cursor": own.receiver.cursor,
            "log_size": follower.get("size", 0),
            "epoch": epochs[0].number if epochs else None,
            "rules": {"version": rules.version, "sha256": rules.digest},
            "waiting": own.queue.waiting(),
            "refused": own.queue.refused(),
            "erased": own.queue.erased(),
            "not_from_here": own.queue.not_from_here(),
            "not_shown": own.not_shown(),
            "faults": open_faults,
        }
    if as_json:
        print_json(result)
        return
    for name, value in result.items():
        click.echo(f"{name:13} {_text(value)}")


def _left(found: "Explained", item: dict[str, Any]) -> bool:
    refused = {each.object_id for each in found.refusals}
    return isinstance(item.get("id"), str) and item["id"] not in refused


def _summary(found: "Explained") -> str:
    refused = {each.object_id for each in found.refusals}
    rules = f"version {found.rules.version} of the rules ({found.rules.digest[:12]})"
    if refused:
        return f"{len(refused)} objects are refused under {rules}: nothing of the bundle would leave"
    return f"{len(found.objects)} objects would leave under {rules}"


def _field(path: str) -> str:
    """A path in which our extensions have their names."""
    from stillwatch.intelligence.extension import EXTENSIONS

    for identifier, described in EXTENSIONS.items():
        path = path.replace(identifier, f"({described.name})")
    return path


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
