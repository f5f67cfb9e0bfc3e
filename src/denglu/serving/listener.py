"""The sockets that a server listens on: bound before anything else is begun."""

import contextlib
import ctypes
import errno
import os
import resource
import select
import socket
import struct
from collections.abc import Iterator, Sequence

_SO_ATTACH_FILTER = 26
# For the kernel's packet filter, which sees a TCP header: load the byte with the flags; if SYN
# is among them keep nothing of the packet, else all of it. (Operation, two jumps, operand.)
_NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
# For the database, the standard streams, the lock, and connections that are on their way out.
_SPARE_FILES = 256


class CannotListen(Exception):
    """The address cannot be had; the text says why and what to do, in one line."""


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets for every address that ``host`` means; port 0 takes a free one.

    Raises CannotListen. The sockets do not listen yet: nobody is let in to wait.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            # A name may mean several addresses: a free port is chosen for the first.
            chosen = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_bind(family, (address, chosen), host))
        yield sockets
    finally:
        for each in sockets:
            each.close()


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(
            host.strip("[]") or None,
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV,
        )
    except (socket.gaierror, UnicodeError):
        raise CannotListen(
            f"cannot listen on {host}: no address of that name; "
            "use an address of this machine, such as --host 127.0.0.1"
        ) from None
    usable = {(info[0], str(info[4][0])): None for info in found if info[0] in _FAMILIES}
    return list(usable)


_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def _bind(family: socket.AddressFamily, address: tuple[str, int], host: str) -> socket.socket:
    new = socket.socket(family, socket.SOCK_STREAM)
    try:
        new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Of "::" alone people expect both families; a name has listed them already.
            new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host.strip("[]") != "::"))
        new.bind(address)
    except OSError as error:
        new.close()
        raise CannotListen(_why(address, error)) from None
    return new


def _why(address: tuple[str, int], error: OSError) -> str:
    where = f"cannot listen on {url_host(address[0])}:{address[1]}"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: something else listens there; stop it, or choose another --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where}: this machine has no such address; see --host"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{where}: not permitted; choose a --port above 1023"
    return f"{where}: {os.strerror(error.errno or 0)}"


def url_host(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def shut_out(sockets: Sequence[socket.socket]) -> None:
    """Let no new connection begin; those that have begun can still be accepted.

    A listening socket that is closed resets whoever waits in its backlog. So first the kernel
    is told to drop what would begin another connection; Linux only. It holds for every process
    that shares the socket.
    """
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in _NO_SYN))
    program = struct.pack("@HP", len(_NO_SYN), ctypes.addressof(code))
    for each in sockets:
        with contextlib.suppress(OSError):
            each.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def somebody_waits(sockets: Sequence[socket.socket]) -> bool:
    """Whether a connection is still to be accepted."""
    waiting = select.poll()
    for each in sockets:
        waiting.register(each, select.POLLIN)
    return any(event & select.POLLIN for _, event in waiting.poll(0))


def allow_files(connections: int) -> None:
    """Raise this process's limit of open files to what the connections need, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files_needed(connections)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def files_needed(connections: int) -> int:
    """How many open files a server with so many connections can come to need."""
    return 2 * connections + _SPARE_FILES


def forbid_core_dumps() -> None:
    """Of this process and those it forks: a dump would hold the key, and passwords."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
