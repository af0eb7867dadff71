"""Independent pieces of work on processes that are copies of this one, so that nothing has to be sent to them.

What statistics read is large and is never changed by them; copies made by `fork` share its memory. What a piece of work
finds comes back, and names what both have instead of repeating it.
"""

import gc
import io
import multiprocessing
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import MappingProxyType
from typing import Any, TypeVar

from stillwatch.records.errors import InputError

Found = TypeVar("Found")


def _read_only(thing: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(thing)


class _Pickler(pickle.Pickler):
    """Names common things by their numbers."""

    def __init__(self, file: io.BytesIO, names: dict[int, int]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.names = names

    def persistent_id(self, thing: object) -> int | None:
        """The number of a common thing; None for others, which are sent whole."""
        return self.names.get(id(thing))

    def reducer_override(self, thing: object) -> Any:
        """Views of dictionaries, which pickle does not know."""
        return (_read_only, (dict(thing),)) if isinstance(thing, MappingProxyType) else NotImplemented


class _Unpickler(pickle.Unpickler):
    """Puts the things themselves in the place of their numbers."""

    def __init__(self, file: io.BytesIO, common: Sequence[object]) -> None:
        super().__init__(file)
        self.common = common

    def persistent_load(self, number: int) -> object:
        """A common thing by its number."""
        return self.common[number]


_copied = False
"""Is this process a copy?"""


def _serve(
    work: Callable[[int], Any], names: dict[int, int], own: Connection, others: Sequence[Connection]
) -> None:
    """Do what is asked for through `own`, until nothing more is, or nobody is there who asks."""
    global _copied  # noqa: PLW0603  (a copy is one for good)
    _copied = True
    # What is there already stays: to go through it would write to every page of it.
    gc.freeze()
    # Held open by copies, the others' ends would outlive the process that asks. An interrupt is that one's to answer.
    for connection in others:
        connection.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        while (number := own.recv()) is not None:
            file = io.BytesIO()
            try:
                _Pickler(file, names).dump((work(number), None))
            except Exception as error:
                file = io.BytesIO(pickle.dumps((None, (repr(error), traceback.format_exc()))))
            own.send_bytes(file.getbuffer())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class WorkError(RuntimeError):
    """A piece of work failed in another process; the message ends with where."""


def spread(
    work: Callable[[int], Found],
    count: int,
    processes: int,
    common: Sequence[object] = (),
    *,
    first: int = 0,
) -> Iterator[tuple[int, Found]]:
    """(number, what `work` found) of each number below `count`, in no order, on so many processes.

    `work` may read whatever this process has, and hands out something that can be pickled; what it changes is lost.
    `common` things stand for themselves in what it finds. The `first` numbers are done in this process before it is copied:
    what they leave behind is there for all. In this process alone, in order, where one is asked for, where
    there is too little to do, inside another spread, and where processes can't be copied. Raises WorkError where `work`
    raised something, and InputError where a process was ended from outside, as by a system without memory.
    """
    for number in range(min(first, count)):
        yield number, work(number)
    processes = min(processes, count - first)
    if processes < 2 or _copied or "fork" not in multiprocessing.get_all_start_methods():
        yield from ((number, work(number)) for number in range(first, count))
        return
    fork = multiprocessing.get_context("fork")
    names = {id(thing): number for number, thing in enumerate(common)}
    copies: dict[Connection, ForkProcess] = {}
    try:
        for _ in range(processes):
            here, there = fork.Pipe()
            copy = fork.Process(target=_serve, args=(work, names, there, [here, *copies]), daemon=True)
            copy.start()
            there.close()
            copies[here] = copy
        waiting = iter(range(first, count))
        busy: dict[Connection, int] = {}

        def ask(connection: Connection) -> None:
            number = next(waiting, None)
            connection.send(number)
            if number is not None:
                busy[connection] = number

        for connection in copies:
            ask(connection)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                number = busy.pop(ready)
                found = _received(ready, copies[ready], common)
                ask(ready)
                yield number, found
    finally:
        for copy in copies.values():
            copy.kill()
        for connection, copy in copies.items():
            copy.join()
            connection.close()


def _received(connection: Connection, copy: ForkProcess, common: Sequence[object]) -> Any:
    try:
        told = connection.recv_bytes()
    except (EOFError, ConnectionResetError):
        copy.join()
        raise InputError(
            f"a process was ended from outside, with status {copy.exitcode}",
            where="groups",
            mend="see that there is memory for all of them, or give fewer --threads",
        ) from None
    found, failed = _Unpickler(io.BytesIO(told), common).load()
    if failed is not None:
        raise WorkError(f"{failed[0]}\n{failed[1]}")
    return found
