"""Small YAML files that people write: read whole, with one line for what is no YAML."""

from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor

from stillwatch.records.errors import InputError, plainly

TIMESTAMP = "tag:yaml.org,2002:timestamp"


def _check(root: yaml.Node | None) -> None:
    """Raise InputError, with the line as its place, for a key that stands twice and for a date that no calendar has."""
    waiting, known = [root] if root is not None else [], set()
    while waiting:
        node = waiting.pop()
        if id(node) in known:  # an alias
            continue
        known.add(id(node))
        line = str(node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode) and node.tag == TIMESTAMP:
            try:
                SafeConstructor().construct_object(node)
            except ValueError as error:
                raise InputError(plainly(error), where=line, mend="mend that line") from None
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            said = {(key.tag, key.value): key for key in reversed(keys)}
            for key in keys:
                if said[key.tag, key.value] is not key:
                    # Either value could be meant.
                    where = str(key.start_mark.line + 1)
                    raise InputError(f"{key.value} stands twice", where=where, mend="mend that line")
            waiting += [part for pair in node.value for part in pair]


def load_yaml(path: Path, what: str, example: str) -> object:
    """What the file at `path` holds, None where it is empty.

    Raises InputError, with the line, for what cannot be read; `what` names the contents and `example` a line of them.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _check(yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except InputError as error:
        raise InputError(error.what, where=f"{path}:{error.where}", mend=error.mend) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the {what} ({plainly(error)})", where=str(path), mend="name a YAML file"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or "a character that has no place in it"
        raise InputError(f"not YAML ({problem})", where=place, mend=f"write it as {example}") from None
    except (ValueError, TypeError) as error:
        # Tags that do not fit what they stand before.
        raise InputError(
            f"not YAML ({plainly(error)})", where=str(path), mend=f"write it as {example}"
        ) from None
