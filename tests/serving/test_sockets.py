"""Where a service listens, and which addresses strangers can't reach."""

import socket

import pytest

from stillwatch.records.errors import InputError
from stillwatch.serving.sockets import bound, is_loopback


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("0.0.0.0", False), ("192.0.2.1", False)],
)
def test_loopback(host, own):
    assert is_loopback(host) is own


def test_a_host_that_is_none_is_one_line():
    with pytest.raises(InputError, match="--host no such host: no such address"):
        is_loopback("no such host")


def test_a_bound_socket_takes_connections_that_do_not_wait():
    with bound("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connection.close()
    assert listening.fileno() == -1


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_an_address_that_cannot_be_had_is_one_line(host):
    with pytest.raises(InputError, match=f"--host {host} --port 1: cannot listen there"), bound(host, 1):
        pass


def test_a_port_that_is_taken_is_one_line():
    with bound("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(InputError, match="give another address or port"), bound("127.0.0.1", port):
            pass
