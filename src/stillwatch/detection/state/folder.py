"""Where a state is to be kept, as it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stillwatch.detection.run_record import Inputs
from stillwatch.detection.state.growing import Growing
from stillwatch.detection.state.reading import Watched
from stillwatch.detection.state.store import opened
from stillwatch.records.errors import InputError


@dataclass(frozen=True)
class StateFolder:
    """A folder for a state. `retain`: days that it keeps from now on, where given; `watched`: files to read, one by one."""

    folder: Path
    retain: int | None = None
    watched: Watched | None = None

    @contextmanager
    def growing(self, inputs: Inputs, out: Path) -> Iterator[Growing]:
        """The state, held for one run. Raises InputError as `opened` does, and where its files would lie among others."""
        own = self.folder.resolve()
        if own in (out.resolve(), *out.resolve().parents):
            raise InputError(
                "results would lie in the state",
                where=str(out),
                mend="give another folder with --out",
            )
        logs = Path(inputs.usage).resolve()
        if logs.is_dir() and (logs == own or logs in own.parents):
            raise InputError(
                "the state would lie among the logs",
                where=str(self.folder),
                mend="give another folder with --state",
            )
        with opened(self.folder) as store:
            yield Growing(store, self.retain, self.watched)
