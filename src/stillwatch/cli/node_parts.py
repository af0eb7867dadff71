"""What the commands of `stillwatch node` share: the group, options, how they end, and what became of what was published."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stillwatch.cli.errors import say
from stillwatch.cli.extras import needing
from stillwatch.cli.options import Strict
from stillwatch.records.errors import InputError

if TYPE_CHECKING:
    from stillwatch.node.node import Node, Published
    from stillwatch.node.publishing import Explained

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,249}--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
REFUSED, BROKEN = 3, 5
"""Exit statuses: the disclosure rules refuse something; the hub or what is kept does not hold."""

folder_option = click.option(
    "--dir", "folder", required=True, type=click.Path(path_type=Path), help="Folder of the node."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


class Ended(Exception):  # noqa: N818 - it is no error: a status, with its line
    """A command that ends with an exit status of its own."""

    def __init__(self, status: int, line: str) -> None:
        self.status, self.line = status, line
        super().__init__(line)


@contextmanager
def opened(folder: Path) -> Iterator["Node"]:
    """The node of a folder. What the hub did wrong ends the command with status 5 and a line."""
    with needing("node"):
        from stillwatch.node.faults import OpenFaultError
        from stillwatch.node.node import FaultError, Node
    with Node(folder) as node:
        try:
            yield node
        except (FaultError, OpenFaultError) as error:
            raise Ended(BROKEN, str(error)) from None


class NodeCommand(Strict):
    """A command whose end may be `Ended`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; its exit status."""
        try:
            return super().invoke(ctx)
        except Ended as ended:
            say(ended.line)
            return ended.status


def print_json(result: object) -> None:
    """Print a result as JSON."""
    click.echo(json.dumps(result, indent=2))


@click.group(
    epilog="Example: stillwatch node init --dir mine --hub http://127.0.0.1:8600 --credentials mine.json"
)
def node() -> None:
    """Take part in a forum as a member: explain, publish, receive, verify."""


def told(done: "Published", as_json: bool) -> int:
    """Print what became of what was published; the exit status."""
    refused = [each for each in done.states if each["state"] == "refused"]
    if as_json:
        document = done.explained.document()
        print_json(
            {
                "objects": done.states,
                "refused": document["refused"]
                + [
                    {"object_id": each["id"], "field": "", "rule": each["reason"], "mend": ""}
                    for each in refused
                ],
                "queued": sum(each["state"] in ("queued", "assigned") for each in done.states),
                "problem": done.problem,
                "rules": document["rules"],
                "over": document["over"],
            }
        )
        return REFUSED if done.explained.refusals or refused else 0
    if done.explained.refusals:
        say_refusals(done.explained)
        click.echo("nothing was published")
        return REFUSED
    for each in refused:
        say(f"{each['id']}: the hub refused it: {each['reason']}")
    waiting = sum(each["state"] in ("queued", "assigned") for each in done.states)
    erased = sum(each["state"] == "erased" for each in done.states)
    if erased:
        click.echo(f"{erased} of {len(done.states)} objects were erased at the hub after it took them")
    taken = len(done.states) - len(refused) - waiting - erased
    if taken:
        before = f", {done.before} of them before" if done.before else ""
        click.echo(f"{taken} of {len(done.states)} objects were taken by the hub{before}")
        if done.withdrawn:
            of_them = f"{done.withdrawn} of them {'is' if done.withdrawn == 1 else 'are'} withdrawn"
            click.echo(f"{of_them}, and no later version changes that: share it anew under another id")
    if not done.states:
        click.echo("nothing was published: the bundle holds nothing that leaves")
    if line := over(done.explained):
        click.echo(line)
    if waiting:
        why = done.problem or "they wait for their time"
        click.echo(f"{waiting} {'object is' if waiting == 1 else 'objects are'} queued: {why}")
    return REFUSED if refused else 0


def known(own: "Node", object_id: str) -> None:
    """Say on stderr where what is to be said of an object may be a mistake. Raises InputError for what is no id."""
    if not _ID.fullmatch(object_id):
        raise InputError(
            "this is no id of a STIX object", where=object_id, mend="give one as leads.jsonl names them"
        )
    if (why := own.standing(object_id)) is not None:
        say(f"note: {object_id}: {why}")


def over(found: "Explained") -> str:
    """A line on what is not valid any more; empty where there is nothing."""
    many = len(found.over)
    return (
        ""
        if not many
        else f"warning: {many} of {len(found.objects)} objects {'are' if many > 1 else 'is'} over (valid_until): no member's"
        " scan or guard will use what logs of so long ago gave"
    )


def say_refusals(found: "Explained") -> None:
    """Tell what the rules refuse, a line each: object, field, rule, and how to mend it."""
    for each in found.refusals:
        say(f"{each.object_id}: {each.field}: {each.rule}; {each.mend}")
