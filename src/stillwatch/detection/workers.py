"""Independent pieces of work on processes that are copies of this one, so that nothing has to be sent to them.

What statistics read is large and is never changed by them; copies made by `fork` share its memory. What a piece of work
finds comes back, and names what both have instead of repeating it.
"""

import atexit
import gc
import io
import multiprocessing
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import MappingProxyType
from typing import Any, TypeVar

import numba

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
_living: set[ForkProcess] = set()
"""Copies that are at work."""


@atexit.register
def _end_copies() -> None:
    """Before multiprocessing, at exit, waits for them: they do not listen to its signal."""
    for copy in _living:
        copy.kill()


class WorkError(RuntimeError):
    """A piece of work failed in another process; the message ends with where."""


def _serve(
    work: Callable[[int], Any],
    names: dict[int, int],
    own: Connection,
    others: Sequence[Connection],
    threads: int,
) -> None:
    """Do what is asked for through `own`, on so many threads, until nothing more is, or nobody is there who asks."""
    global _copied  # noqa: PLW0603  (a copy is one for good)
    _copied = True
    numba.set_num_threads(threads)
    # What is there already stays: to go through it would write to every page of it.
    gc.freeze()
    # Held open by copies, the others' ends would outlive the process that asks.
    for connection in others:
        connection.close()
    # Sent to all processes of a group, these are for the one that asks to answer; it ends its copies.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        while (number := own.recv()) is not None:
            own.send_bytes(_done(work, number, names))
    except (EOFError, OSError):
        return


def _done(work: Callable[[int], Any], number: int, names: dict[int, int]) -> memoryview:
    """What work found, or what it raised."""
    file = io.BytesIO()
    try:
        _Pickler(file, names).dump((work(number), None))
    except (InputError, MemoryError) as error:
        file = io.BytesIO(pickle.dumps((None, error)))
    except BaseException as error:
        told = WorkError(f"{error!r}\n{traceback.format_exc()}")
        file = io.BytesIO(pickle.dumps((None, told)))
    return file.getbuffer()


class _Copy:
    """A process that works, and the line to it."""

    def __init__(
        self, work: Callable[[int], Any], names: dict[int, int], others: Sequence["_Copy"], threads: int
    ) -> None:
        fork = multiprocessing.get_context("fork")
        self.line, there = fork.Pipe()
        try:
            lines = [self.line, *(other.line for other in others)]
            self.process = fork.Process(target=_serve, args=(work, names, there, lines, threads), daemon=True)
            self.process.start()
        except OSError:
            self.line.close()
            raise
        finally:
            there.close()
        _living.add(self.process)

    def ask(self, number: int | None) -> None:
        """Let it do a number, or end."""
        try:
            self.line.send(number)
        except OSError:
            raise self._ended() from None

    def answer(self, common: Sequence[object]) -> Any:
        """What it found; raises what its work raised."""
        try:
            told = self.line.recv_bytes()
        except (EOFError, OSError):
            raise self._ended() from None
        found, failed = _Unpickler(io.BytesIO(told), common).load()
        if failed is not None:
            raise failed
        return found

    def end(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.join()
        self.line.close()
        _living.discard(self.process)

    def _ended(self) -> InputError:
        self.process.join()
        return InputError(
            f"a process was ended from outside, with status {self.process.exitcode}",
            where="groups",
            mend="see that there is memory for all of them, or give fewer --threads",
        )


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
    what they leave behind is there for all. In this process alone, in order, where one is asked for, where there is too
    little to do, inside another spread, and where processes can't be copied. Raises InputError and MemoryError as `work`
    does, WorkError where it raised anything else, and InputError where a process was ended from outside, as by a system
    without memory.
    """
    for number in range(min(first, count)):
        yield number, work(number)
    copies = _copies(work, min(processes, count - first), common)
    if not copies:
        yield from ((number, work(number)) for number in range(first, count))
        return
    try:
        waiting = iter(range(first, count))
        busy: dict[Connection, tuple[_Copy, int]] = {}

        def ask(copy: _Copy) -> None:
            number = next(waiting, None)
            copy.ask(number)
            if number is not None:
                busy[copy.line] = copy, number

        for copy in copies:
            ask(copy)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                copy, number = busy.pop(ready)
                found = copy.answer(common)
                ask(copy)
                yield number, found
    finally:
        for copy in copies:
            copy.end()


def _copies(work: Callable[[int], Any], wanted: int, common: Sequence[object]) -> list[_Copy]:
    """So many copies, or as many as the system gives; none where one would be alone."""
    # On macOS a fork of a process with threads may end in the system's own libraries.
    able = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    if wanted < 2 or _copied or not able:
        return []
    names = {id(thing): number for number, thing in enumerate(common)}
    copies: list[_Copy] = []
    # Together they take no more threads than this process was given.
    threads = max(numba.get_num_threads() // wanted, 1)
    for _ in range(wanted):
        try:
            copies.append(_Copy(work, names, copies, threads))
        except OSError:
            break
    return copies
