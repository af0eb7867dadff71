"""Small YAML files that people write: read whole, with one line for what is no YAML."""

from pathlib import Path
from typing import Any

import yaml

from stillwatch.records.errors import InputError, plainly


class _Unusable(yaml.YAMLError):
    """YAML that says nothing of use, with the place in `problem_mark`."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem)
        self.problem, self.problem_mark = problem, mark


class _Loader(yaml.SafeLoader):
    """The safe loader, which takes no key twice and tells the line of a date that no calendar has."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice: either value could be meant."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise _Unusable(f"{key.value} stands twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Say where a value is that cannot be made."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise _Unusable(plainly(error), node.start_mark) from None


def load_yaml(path: Path, what: str, example: str) -> object:
    """What the file at `path` holds, None where it is empty.

    Raises InputError, with the line, for what cannot be read; `what` names the contents and `example` a line of them.
    """
    try:
        # Safe: a SafeLoader with more to refuse.
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the {what} ({plainly(error)})", where=str(path), mend="name a YAML file"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or "a character that has no place in it"
        if isinstance(error, _Unusable):
            raise InputError(problem, where=place, mend="mend that line") from None
        raise InputError(f"not YAML ({problem})", where=place, mend=f"write it as {example}") from None
