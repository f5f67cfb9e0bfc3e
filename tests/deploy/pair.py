"""Two denglu servers on one PostgreSQL, as nginx has them behind it."""

from collections.abc import Iterable
from pathlib import Path

from tests.cli.desk import Desk
from tests.servers.process import free_port


def two_desks(folder: Path, url: str, members: Iterable[str]) -> dict[int, Desk]:
    """Desks by the port that each is to serve at; the database has these members."""
    settings = {
        "DENGLU_DATABASE_URL": url,
        "DENGLU_SECRET_KEY": "s" * 32,
        "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
        # A machine that is busy with other things is not what this is about.
        "DENGLU_HASH_DEADLINE": "10",
    }
    desks = {}
    for port in (free_port(), free_port()):
        desks[port] = Desk(folder / str(port), settings, near=True)
        desks[port].folder.mkdir()
    desk = next(iter(desks.values()))
    desk.ok("migrate")
    for username in members:
        desk.add(username)
    return desks
