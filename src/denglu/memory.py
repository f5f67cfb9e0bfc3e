"""Memory that a thread has freed and its heap keeps: how the system gets it back.

It owns what is known about glibc's allocator; with another one nothing is done. glibc gives
each thread a heap, and keeps what is free at the heap's end for the next time, up to a
threshold that grows with what is freed. ``malloc_trim`` finds the pages that are free between
others, and leaves that end alone; a ``free`` beyond the threshold gives it back.
"""

import functools
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctypes import CDLL

_TRIM_THRESHOLD = -1  # M_TRIM_THRESHOLD of malloc.h
# The most that glibc comes to by itself. A thread's heap is no larger.
_USUAL = 64 << 20
# Freeing so much makes glibc look at the heap's end; it is less than what has a mapping of its own.
_PIECE = 64 << 10

_one_at_a_time = threading.Lock()


def give_back_end() -> None:
    """Give back what the calling thread's heap has free at its end.

    It takes a millisecond or two for 20 MiB. Whoever needs them again is given new pages, which
    takes five. The interpreter lock is free meanwhile.
    """
    glibc = _glibc()
    if glibc is None:
        return
    with _one_at_a_time:  # the threshold is the whole process's
        glibc.mallopt(_TRIM_THRESHOLD, _PIECE)
        glibc.free(glibc.malloc(_PIECE))
        glibc.mallopt(_TRIM_THRESHOLD, _USUAL)


def give_back_gaps() -> None:
    """Give back the pages that are free between others, in the heaps of all threads.

    It takes a few milliseconds. The interpreter lock is free, but each heap in its turn is not.
    """
    glibc = _glibc()
    if glibc is not None:
        glibc.malloc_trim(0)


@functools.cache
def _glibc() -> "CDLL | None":
    if sys.platform != "linux":
        return None
    import ctypes  # 2 ms and 700 KiB that no command and no start needs

    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return None
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    library.free.argtypes, library.free.restype = [ctypes.c_void_p], None
    return library
