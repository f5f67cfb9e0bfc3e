"""A certificate for loopback, and sockets that do not get as far as a request."""

import contextlib
import shlex
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS, and the certificate that its callers have to trust."""
    key, certificate = folder / "loopback.key", folder / "loopback.crt"
    words = "openssl req -x509 -nodes -days 2 -subj /CN=loopback"
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -addext subjectAltName=IP:127.0.0.1"
    files = f"-keyout {shlex.quote(str(key))} -out {shlex.quote(str(certificate))}"
    subprocess.run(shlex.split(f"{words} {kind} {files}"), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


@contextlib.contextmanager
def unheard() -> Iterator[str]:
    """``host:port`` of a listener whose queue is full: nobody gets a connection."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield "{}:{}".format(*listener.getsockname())


@contextlib.contextmanager
def dripping(
    tls: ssl.SSLContext | None = None,
) -> Iterator[tuple[str, threading.Event]]:
    """``host:port`` of one that answers a byte at a time, and whether its caller went away."""
    gone, over = threading.Event(), threading.Event()

    def drip(caller: socket.socket) -> None:
        with contextlib.suppress(OSError), caller, contextlib.ExitStack() as stack:
            if tls is not None:
                caller = stack.enter_context(tls.wrap_socket(caller, server_side=True))
            caller.recv(65536)
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
            while not over.wait(0.02):
                caller.sendall(b" ")
        if not over.is_set():
            gone.set()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        thread = threading.Thread(target=lambda: drip(listener.accept()[0]))
        thread.start()
        try:
            yield "{}:{}".format(*listener.getsockname()), gone
        finally:
            over.set()
            thread.join()


@contextlib.contextmanager
def taken(*, hangs_up: bool) -> Iterator[str]:
    """``host:port`` of one that takes every connection and says nothing, or ends it at once."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        held: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    caller, _ = listener.accept()
                    if hangs_up:
                        caller.close()
                    else:
                        held.append(caller)

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for caller in held:
                caller.close()
