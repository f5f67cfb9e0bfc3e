"""Turns the records of ``logging`` into lines of JSON, those of uvicorn included."""

import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TextIO

from denglu.logs.redact import one_line, redact, redacted

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# uvicorn's own colours, for its own formatter.
_DROPPED = _STANDARD | {"color_message"}
_MOST_CAUSES = 8
_MOST_FRAMES = 30


class JsonFormatter(logging.Formatter):
    """One record, one line: time, level, logger, message, ``extra`` fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(_message(record)),
        }
        extra = {k: v for k, v in vars(record).items() if k not in _DROPPED and k not in fields}
        safe = redacted(extra)
        fields |= safe if isinstance(safe, dict) else {}
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = story(record.exc_info[1])
        if record.stack_info:
            fields["stack"] = redacted(record.stack_info)
        return one_line(fields)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # Logging must not fail, and the arguments may be anything.
        return f"{record.msg} (its arguments do not fit)"


def story(error: BaseException) -> str:
    """An exception with its causes and the places they passed, on one line.

    Lines of source are left out: file and number name them, and they would be redacted
    beyond recognition.
    """
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < _MOST_CAUSES:
        parts.append(f"{_headline(cause)} [{_places(cause)}]")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return " <- ".join(parts)


def _headline(error: BaseException) -> str:
    inner = ""
    if isinstance(error, BaseExceptionGroup):
        inner = " {" + "; ".join(story(each) for each in error.exceptions[:_MOST_CAUSES]) + "}"
    try:
        said = str(error)
    except Exception:
        said = "(cannot be shown)"
    return f"{type(error).__qualname__}: {redacted(said)}{inner}"


def _places(error: BaseException) -> str:
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), limit=-_MOST_FRAMES, lookup_lines=False
    )
    return redact(
        " > ".join(
            f"{'/'.join(PurePath(f.filename).parts[-2:])}:{f.lineno} {f.name}" for f in frames
        )
    )


class _LineHandler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Stay silent: the standard handler would print the record's arguments in clear."""


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send everything from ``level`` (debug, info, warning, error) on to ``stream``.

    Standard error unless told otherwise. Start uvicorn with ``log_config=None``.
    """
    handler = _LineHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        # The API writes its own line for each request: uvicorn's would show the query.
        logger.disabled = name == "uvicorn.access"
        logger.propagate = True
    threading.excepthook = _log_thread_end


def _log_thread_end(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        logging.getLogger(__name__).critical("a thread ended", exc_info=args.exc_value)
