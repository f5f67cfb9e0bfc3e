"""Clients that ask a server without a pause, and tell a whole answer from a cut one."""

import socket
import threading

WHOAMI = b"GET /v1/member/member/index HTTP/1.1\r\nHost: x\r\n\r\n"


class Asking(threading.Thread):
    """A client that asks without a pause until it is refused."""

    def __init__(self, port: int, *, fresh: bool) -> None:
        super().__init__(daemon=True)
        self.port, self.fresh = port, fresh
        self.answers = 0
        self.cut = ""
        # The port that it last asked from.
        self.own_port = 0
        self.start()

    def run(self) -> None:
        while True:
            try:
                client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
            except ConnectionRefusedError:
                return
            with client:
                self.own_port = client.getsockname()[1]
                if not self._talk(client):
                    return

    def _talk(self, client: socket.socket) -> bool:
        """Ask until the server closes; returns whether to come again."""
        while True:
            try:
                client.sendall(WHOAMI)
                answer = read_answer(client)
            except OSError as error:
                self.cut = repr(error)
                return False
            if not answer.endswith(b"}"):
                self.cut = f"cut short: {answer!r}"
                return False
            self.answers += 1
            if self.fresh or b"connection: close" in answer:
                return True


def read_answer(client: socket.socket) -> bytes:
    """An answer with its head; less of it where the server hung up."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = client.recv(65536)
        if not piece:
            return answer
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length and (piece := client.recv(65536)):
        body += piece
    return head + body
