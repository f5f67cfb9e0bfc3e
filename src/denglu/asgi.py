"""The shapes of ASGI 3, as far as denglu speaks it, and one word more between its own server and
its API: an answer that is there as a whole need not be told in two messages, header by header.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Whole = Callable[[int, bytes, bytes, bool], bool]
"""Takes a status, header lines (each with its CRLF), a body, and whether the connection ends with
it. False: not now, since the client does not read; it is to be told in messages.
"""
WHOLE = "denglu.whole"
"""Where a scope holds a ``Whole``. Whoever takes it takes it out, or it would keep itself alive."""
