"""The listening sockets while a server leaves."""

import socket

import pytest

from denglu.serving.listener import bound, shut_out, somebody_waits


def test_F15_who_has_begun_to_connect_is_let_in_and_nobody_else() -> None:
    with bound("127.0.0.1", 0) as [listening]:
        # The kernel now holds a connection to be only begun until the client says something.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)
        listening.listen()
        with socket.create_connection(listening.getsockname()) as begun:
            shut_out([listening])
            with pytest.raises(TimeoutError):
                socket.create_connection(listening.getsockname(), timeout=0.2)
            assert not somebody_waits([listening])
            begun.sendall(b"hello")
            assert somebody_waits([listening])
            served, _ = listening.accept()
            with served:
                assert served.recv(9) == b"hello"
                begun.sendall(b"again")
                assert served.recv(9) == b"again"
