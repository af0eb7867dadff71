"""Where a service listens: a socket that holds its address, and whether strangers can reach it."""

import contextlib
import ipaddress
import socket
from collections.abc import Iterator

from stillwatch.records.errors import InputError, plainly


def is_loopback(host: str) -> bool:
    """Whether a host name or address leads to this machine only. Raises InputError when it leads nowhere."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"no such address ({plainly(error)})", where=f"--host {host}", mend="give one of this machine"
        ) from None
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that holds the address, so that a port that is taken is told before anything else is done."""
    where = f"--host {host} --port {port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(tuple(address[:2]), family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"cannot listen there ({plainly(error)})", where=where, mend="give another address or port"
        ) from None
    with listening:
        # Connections inherit it. asyncio sets it only on sockets that name their protocol, and without it an answer in two
        # pieces waits 40 ms for the client to acknowledge the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listening
