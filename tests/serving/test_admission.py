"""What is taken in: bytes, places, and bodies within bounds."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import ClientDisconnect, Request

from stillwatch.serving.admission import Places, Refused, Room, media_type, place_of, read_body


def run(awaited: Coroutine):
    """Its result, of a thread without a loop: a browser's driver may keep a loop in the tests' own thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, awaited).result()


def request(*pieces: bytes, gone: bool = False, **headers: str) -> Request:
    """A request whose body comes in these pieces, and then (`gone`) nothing but the end of the connection."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    last = len(pieces) - 1
    messages = [
        {"type": "http.request", "body": piece, "more_body": gone or n < last}
        for n, piece in enumerate(pieces)
    ]
    if gone:
        messages.append({"type": "http.disconnect"})

    async def receive():
        while not messages:
            await asyncio.sleep(60)
        return messages.pop(0)

    return Request({"type": "http", "headers": named}, receive)


def read(made: Request, limit: int = 10, seconds: float = 5) -> bytes:
    return run(read_body(made, limit, seconds, lambda size: None))


def test_what_is_taken_is_given_back():
    noted = []
    room = Room(10, noted.append)
    with room.taking() as take:
        take(6)
        with room.taking() as other, pytest.raises(Refused, match="too much is held") as refused:
            other(5)
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        take(4)
    assert noted == [6, 0, 4, -10]
    with room.taking() as take:
        take(10)


def test_places_are_given_back_whatever_happens():
    places = Places(1)
    with places.taking(), pytest.raises(Refused, match="too many requests"), places.taking():
        pass
    with pytest.raises(KeyError), places.taking():
        raise KeyError
    with places.taking():
        pass


def test_a_body_of_just_the_limit_is_read():
    assert read(request(b"0123", b"456", b"789")) == b"0123456789"


def test_a_body_that_says_it_is_too_large_is_not_read():
    with pytest.raises(Refused, match="larger than 10 bytes") as refused:
        read(request(gone=True, content_length="11"))
    assert refused.value.status == 413


def test_a_body_that_turns_out_too_large_is_read_no_further():
    sent = request(b"0123456", b"7890", b"never read")
    with pytest.raises(Refused) as refused:
        read(sent)
    assert refused.value.status == 413
    assert run(sent.receive())["body"] == b"never read"


def test_a_slow_body_is_given_up():
    made = request(b"01", gone=True)
    run(made.receive())
    run(made.receive())
    with pytest.raises(Refused, match="took more than 0 s") as refused:
        read(made, seconds=0.05)
    assert refused.value.status == 408


def test_a_body_that_breaks_off_is_told():
    with pytest.raises(ClientDisconnect):
        read(request(b"01", gone=True))


@pytest.mark.parametrize(
    ("header", "found"), [("Application/JSON; charset=utf-8", "application/json"), (" a/b ", "a/b"), ("", "")]
)
def test_media_types(header, found):
    assert media_type(request(content_type=header)) == found


def test_a_fault_s_place_is_where_it_was_raised():
    try:
        Places(0).taking().__enter__()
    except Refused as error:
        assert place_of(error).startswith("stillwatch.serving.admission:")
    assert place_of(KeyError()) == ""
