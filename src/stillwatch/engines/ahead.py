"""What is made next, while what was made is worked on."""

from collections.abc import Iterable, Iterator
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

Thing = TypeVar("Thing")


def ahead(things: Iterable[Thing], most: int) -> Iterator[Thing]:
    """The same things in the same order, up to `most` of which a thread makes before they are asked for.

    Raises what making them raises, where it would have. Who stops asking stops the thread, after the thing that it makes.
    """
    made: Queue[tuple[bool, Thing | BaseException | None]] = Queue(most)
    enough = Event()

    def make() -> None:
        told: tuple[bool, Thing | BaseException | None] = (False, None)
        try:
            for thing in things:
                made.put((True, thing))
                if enough.is_set():
                    return
        except BaseException as error:
            told = (False, error)
        made.put(told)

    thread = Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            more, thing = made.get()
            if more:
                yield thing  # type: ignore[misc]
            elif isinstance(thing, BaseException):
                raise thing
            else:
                return
    finally:
        enough.set()
        # Room for the one that it is about to hand over, and for its end.
        while thread.is_alive():
            try:
                made.get(timeout=0.05)
            except Empty:
                continue
        thread.join()
