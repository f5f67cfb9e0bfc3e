"""Logs: one JSON object a line on standard error, and no secret in any of them.

``configure_logging`` is called once by whoever starts a process; ``AccessLog`` is the API's
one line for each request. Everybody else uses ``logging`` as usual, with ``extra`` fields.
"""

from denglu.logs.access import AccessLog
from denglu.logs.records import configure_logging
from denglu.logs.redact import redact

__all__ = ["AccessLog", "configure_logging", "redact"]
