"""What went wrong, as a line for the operator: what, and what to do about it."""

import logging
import os

import click

_log = logging.getLogger(__name__)

FAILED, MISUSED = 1, 2


class Fault(Exception):
    """A command cannot do what it was asked. The text is one line."""


class Misuse(Exception):
    """A command was asked for what cannot be. The text is one line."""


def explain(error: Exception) -> tuple[list[str], int]:
    """The lines to print, and the exit code. Never raises."""
    if isinstance(error, Fault):
        return [str(error)], FAILED
    if isinstance(error, Misuse):
        return [str(error)], MISUSED
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else "denglu"
        return [f"{_sentence(error.format_message())} (see `{where} --help`)"], MISUSED
    if isinstance(error, click.ClickException):
        return [_sentence(error.format_message())], FAILED
    return _explain_foreign(error)


def _explain_foreign(error: Exception) -> tuple[list[str], int]:
    # Here rather than above: a mistyped command need not wait for any of these.
    import apsw

    from denglu.domain.errors import Reason, Refusal
    from denglu.logs import redact
    from denglu.plugins.faults import PluginFault
    from denglu.serving.listener import CannotListen
    from denglu.serving.workers import WorkerTrouble
    from denglu.settings import SettingsError
    from denglu.store.file import FileTrouble
    from denglu.store.migrate import WrongSchema
    from denglu.store.network.trouble import DatabaseTrouble, is_refusal
    from denglu.store.opening import MissingDriver

    if isinstance(error, SettingsError):
        return error.faults, MISUSED
    if isinstance(error, FileTrouble | WrongSchema | DatabaseTrouble | MissingDriver | PluginFault):
        return [str(error)], FAILED
    if isinstance(error, CannotListen | WorkerTrouble):
        return [str(error)], FAILED
    if isinstance(error, Refusal) and error.reason is Reason.busy:
        return ["the database or the machine is busy: nothing was changed; try again"], FAILED
    if isinstance(error, apsw.Error):
        return [
            f"the database cannot be used: {_sentence(str(error))}; try `denglu doctor`"
        ], FAILED
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return [f"{where}{error.strerror or _sentence(str(error))}"], FAILED
    if is_refusal(error):  # such as a right that is missing; details may hold values
        said = _sentence(redact(str(error.args[-1] if error.args else error).partition("\n")[0]))
        return [f"the database refuses: {said}; try `denglu doctor`"], FAILED
    return [_unexpected(error)], FAILED


def _unexpected(error: Exception) -> str:
    from denglu.logs import configure_logging, redact

    if os.environ.get("DENGLU_LOG_LEVEL", "").strip().lower() == "debug":
        configure_logging("debug")
        _log.critical("an unexpected fault", exc_info=error)
        hint = "the log line above says where"
    else:
        hint = "DENGLU_LOG_LEVEL=debug says where"
    said = _sentence(redact(str(error)))
    return f"unexpected fault, {type(error).__name__}: {said} ({hint})"


def _sentence(text: str) -> str:
    """Anything on one line."""
    return " ".join(text.split()).rstrip(".")
