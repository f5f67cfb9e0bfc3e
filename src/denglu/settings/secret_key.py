"""The server's secret key: the one that was set, or the one kept beside an SQLite file."""

import os
import secrets
from pathlib import Path

from denglu.settings.load import SettingsError
from denglu.settings.model import Settings, variable

_SHORTEST = 32
_LONGEST = 1024
_READ_WRITE_BY_OWNER = 0o600

NO_COMMON_KEY = (
    f"{variable('secret_key')}: not set, and every process on a PostgreSQL or MySQL database needs "
    f"the same one: set it, or {variable('secret_key_file')}, to at least 32 random bytes"
)


def may_make_key(settings: Settings) -> bool:
    """Whether there is a key, or a file beside which one can be kept."""
    return settings.secret_key is not None or settings.database_kind == "sqlite"


def ensure_secret_key(settings: Settings) -> bytes:
    """Return the secret key (32 bytes or more), making one beside an SQLite file if needed.

    Whether a server may run on a key of its own is for ``check_binding`` to say. The file
    holds text, so that it can be named in ``DENGLU_SECRET_KEY_FILE`` and means the same key.
    Raises SettingsError.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    if not may_make_key(settings):
        raise SettingsError([NO_COMMON_KEY])
    path = settings.key_path
    try:
        if not path.exists():
            _create(path)
        return _read(path)
    except OSError as error:
        raise SettingsError(
            [
                f"{path}: the secret key cannot be kept here: {error.strerror}; "
                f"set {variable('secret_key')} or {variable('secret_key_file')}"
            ]
        ) from None


def _create(path: Path) -> None:
    """Write a new key under another name and link it: it appears whole, and only once."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    text = secrets.token_urlsafe(32) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    number = os.open(draft, flags, _READ_WRITE_BY_OWNER)
    try:
        with open(number, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # A rival was first: its key is the key.
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        key = file.read(_LONGEST + 2).rstrip(b"\r\n")
    if mode & ~_READ_WRITE_BY_OWNER:
        raise SettingsError(
            [f"{path}: has mode {mode:03o}, so others may read the secret key: chmod 600 {path}"]
        )
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise SettingsError(
            [f"{path}: holds {len(key)} bytes; a secret key has {_SHORTEST} … {_LONGEST}"]
        )
    return key
