"""The doctor's look at PostgreSQL itself."""

import time
from typing import Any

from denglu.doctor.finding import Level
from denglu.doctor.server import Need, Server, facts
from denglu.store.network.shell import Shell

_OLDEST_SERVED, _OLDEST_TESTED = 120000, 150000

_ASKED = {
    "now": "extract(epoch FROM clock_timestamp())::float8",
    "number": "current_setting('server_version_num')::int",
    "version": "current_setting('server_version')",
    "encoding": "current_setting('server_encoding')",
    "read_only": "current_setting('transaction_read_only') = 'on'",
    "recovering": "pg_is_in_recovery()",
    "fsync": "current_setting('fsync')",
    "synchronous_commit": "current_setting('synchronous_commit')",
    "full_page_writes": "current_setting('full_page_writes')",
    "autovacuum": "current_setting('autovacuum')",
    "most": "current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int",
    "used": "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
    "role_most": "(SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)",
    "database_most": "(SELECT datconnlimit FROM pg_database WHERE datname = current_database())",
    "process": "pg_backend_pid()",
    "encrypted": "(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())",
}
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


async def look(shell: Shell, need: Need) -> Server:
    """Version, durability, connections, what is in between. Raises what ``rows`` does."""
    start = time.time()
    said = await facts(shell, _ASKED)
    server = Server(
        ahead=said["now"] - (start + time.time()) / 2, encrypted=bool(said["encrypted"])
    )
    _version(server, said)
    _state(server, said)
    _durability(server, said)
    _pooler(server, behind_one=said["process"] != shell.raw.get_server_pid())
    limits = (said["most"], said["role_most"], said["database_most"])
    server.say_room(
        need, most=min(n for n in limits if n is not None and n >= 0), used=said["used"]
    )
    return server


def _version(server: Server, said: dict[str, Any]) -> None:
    text = f"PostgreSQL {said['version']}"
    if said["number"] < _OLDEST_SERVED:
        server.say(Level.fault, f"{text} is too old", "upgrade to 15 or newer")
    elif said["number"] < _OLDEST_TESTED:
        server.say(Level.warning, f"{text} is older than what is tested", "upgrade to 15 or newer")
    else:
        server.say(Level.ok, text)


def _state(server: Server, said: dict[str, Any]) -> None:
    if said["recovering"] or said["read_only"]:
        server.say(
            Level.fault,
            "it takes no writes" + (": it is a replica" if said["recovering"] else ""),
            "let DENGLU_DATABASE_URL name the primary",
        )
    if said["encoding"] != "UTF8":
        server.say(
            Level.fault,
            f"its encoding is {said['encoding']}: names cannot be stored",
            "make the database with ENCODING 'UTF8'",
        )


def _durability(server: Server, said: dict[str, Any]) -> None:
    for name in _DURABLE:
        if said[name] == "off":
            server.say(
                Level.warning,
                f"{name} is off: what was answered can be lost with the machine",
                f"set {name} = on",
            )
    if said["autovacuum"] == "off":
        server.say(Level.warning, "autovacuum is off: tables only grow", "set autovacuum = on")


def _pooler(server: Server, *, behind_one: bool) -> None:
    """Who answers is not who let us in."""
    if behind_one:
        server.say(
            Level.note,
            "a pooler such as PgBouncer stands in between",
            "PgBouncer: max_prepared_statements above 0; migrate past it (docs/operating.md)",
        )
