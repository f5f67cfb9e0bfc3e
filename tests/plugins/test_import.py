"""What a plugin keeps of a member goes with the member, also where an import erases."""

import contextlib
import sqlite3

from tests.cli.desk import Desk
from tests.importing.moving_in import rageframe_on
from tests.importing.small import person
from tests.servers.mariadb import MariadbServer


def test_what_is_kept_of_whom_an_import_erases_goes_too(
    greeting: Desk, mariadb: MariadbServer
) -> None:
    greeting.ok("migrate")
    with rageframe_on(mariadb) as source:
        source.create()
        source.fill("member", [person(1), person(2)])
        greeting.ok("import", "rageframe", source.url)
        with contextlib.closing(sqlite3.connect(greeting.database)) as db, db:
            db.execute("INSERT INTO greet_count (member_id, logins) VALUES (1, 5), (2, 7)")
        source.sql("UPDATE rf_member SET status = -1 WHERE id = 1")
        greeting.ok("import", "rageframe", source.url)
    assert greeting.ok("greet", "list") == "2  7\n"
