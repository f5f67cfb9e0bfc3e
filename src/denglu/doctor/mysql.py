"""The doctor's look at MySQL or MariaDB itself."""

import re
import time
from typing import Any

from denglu.doctor.finding import Level
from denglu.doctor.server import Need, Server, facts
from denglu.settings.model import variable
from denglu.store.network.shell import Shell

# SKIP LOCKED came with these.
_OLDEST = {"MariaDB": (10, 6, 0), "MySQL": (8, 0, 1)}
_OLDEST_TESTED = {"MariaDB": (10, 11, 0), "MySQL": (8, 0, 1)}

_ASKED = {
    "now": "UNIX_TIMESTAMP(NOW(6))",
    "version": "VERSION()",
    "most": "@@max_connections",
    "user_most": "@@max_user_connections",
    "read_only": "@@read_only",
    "flush": "@@innodb_flush_log_at_trx_commit",
    "doublewrite": "@@innodb_doublewrite",
    "log_bin": "@@log_bin",
    "sync_binlog": "@@sync_binlog",
    "statements": "@@max_prepared_stmt_count",
    "tables": "(SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"
    " AND table_name <> 'alembic_version'"
    " AND (engine <> 'InnoDB' OR table_collation NOT LIKE 'utf8mb4%'))",
}
_STATEMENTS_PER_CONNECTION = 64


async def look(shell: Shell, need: Need) -> Server:
    """Version, durability, connections, what cannot be relied on. Raises what ``rows`` does."""
    start = time.time()
    said = await facts(shell, _ASKED)
    ahead = float(said["now"]) - (start + time.time()) / 2
    server = Server(ahead, encrypted=bool(await _shown(shell, "STATUS LIKE 'Ssl_cipher'")))
    _version(server, str(said["version"]))
    _state(server, said)
    _durability(server, said)
    if await _shown(shell, "GLOBAL VARIABLES LIKE 'wsrep_on'") == "ON":
        server.say(
            Level.warning,
            "it is a Galera cluster: a lock on one node does not hold on another",
            "let DENGLU_DATABASE_URL of every server name the same node",
        )
    used = int(await _shown(shell, "GLOBAL STATUS LIKE 'Threads_connected'") or 0)
    _statements(server, need, int(said["statements"]))
    server.say_room(need, most=min(said["most"], said["user_most"] or said["most"]), used=used)
    return server


async def _shown(shell: Shell, what: str) -> str:
    """The value of a variable; empty where there is none."""
    rows = await shell.rows(f"SHOW {what}")
    return str(rows[0][1]) if rows else ""


def _version(server: Server, version: str) -> None:
    kind = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    text = f"{kind} {version}"
    number = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if number < _OLDEST[kind]:
        wanted = ".".join(map(str, _OLDEST[kind]))
        server.say(Level.fault, f"{text} is too old", f"upgrade to {wanted} or newer")
    elif number < _OLDEST_TESTED[kind]:
        server.say(Level.warning, f"{text} is older than what is tested", "upgrade to 10.11")
    else:
        server.say(Level.ok, text)


def _state(server: Server, said: dict[str, Any]) -> None:
    if said["read_only"]:
        server.say(Level.fault, "it takes no writes", "let DENGLU_DATABASE_URL name the primary")
    if said["tables"]:
        server.say(
            Level.fault,
            f"{said['tables']} tables are not InnoDB with utf8mb4: nothing is safe in them",
            "ALTER TABLE … ENGINE=InnoDB, CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        )


def _durability(server: Server, said: dict[str, Any]) -> None:
    if said["flush"] != 1:
        server.say(
            Level.warning,
            f"innodb_flush_log_at_trx_commit is {said['flush']}: what was answered can be lost "
            "with the machine",
            "set it to 1",
        )
    if not said["doublewrite"]:
        server.say(
            Level.warning,
            "innodb_doublewrite is off: a power cut can damage the tables",
            "set innodb_doublewrite = ON, unless the disk writes pages whole",
        )
    if said["log_bin"] and said["sync_binlog"] != 1:
        server.say(
            Level.warning,
            f"sync_binlog is {said['sync_binlog']}: replicas can miss what was answered",
            "set it to 1",
        )


def _statements(server: Server, need: Need, most: int) -> None:
    if (wanted := need.connections * _STATEMENTS_PER_CONNECTION) > most:
        server.say(
            Level.warning,
            f"max_prepared_stmt_count is {most}, and {wanted} statements may be prepared",
            f"raise it, or lower {variable('database_pool')}",
        )
