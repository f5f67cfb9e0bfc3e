"""MySQL and MariaDB: the URL, what a session is set to, and what errors mean."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from asyncmy import errors

from denglu.flows.ports import Store
from denglu.store.connection import Duplicate
from denglu.store.mysql import MysqlDriver, session_settings
from denglu.store.mysql_errors import in_our_words
from denglu.store.mysql_url import connect_arguments
from denglu.store.network.link import Conflict, Crowded, Times, TooSlow, Unreachable
from tests.servers.mariadb import MariadbServer
from tests.store.grounds import Ground
from tests.store.making import NOW, add_member


@pytest.fixture
def ground(ground_of: Callable[[str], Ground]) -> Ground:
    return ground_of("mysql")


def test_a_url_says_where_and_as_whom() -> None:
    told = connect_arguments("mysql://d%40n:p%2F%3A%25%C3%A9@db.example:3307/den%20glu")
    assert (told["host"], told["port"], told["database"]) == ("db.example", 3307, "den glu")
    assert (told["user"], told["password"]) == ("d@n", "p/:%é".encode())
    assert (told["unix_socket"], told["ssl"]) == (None, None)


def test_a_url_may_leave_things_out() -> None:
    told = connect_arguments("mysql:///denglu?unix_socket=/run/mysqld/mysqld.sock")
    assert (told["host"], told["port"], told["unix_socket"]) == (
        "localhost", 3306, "/run/mysqld/mysqld.sock",
    )  # fmt: skip
    assert (told["user"], told["password"]) == ("", b"")
    assert connect_arguments("mysql://d@[::1]/denglu")["host"] == "::1"


@pytest.mark.parametrize(
    ("query", "checks_name", "verifies"),
    [
        ("ssl_mode=required", False, ssl.CERT_NONE),
        ("ssl_mode=VERIFY_CA", False, ssl.CERT_REQUIRED),
        ("ssl_mode=verify-identity", True, ssl.CERT_REQUIRED),
    ],
)
def test_a_url_asks_for_encryption(query: str, checks_name: bool, verifies: int) -> None:
    context = connect_arguments(f"mysql://d@h/denglu?{query}")["ssl"]
    assert (context.check_hostname, context.verify_mode) == (checks_name, verifies)


def test_whoever_names_an_authority_wants_the_server_checked(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError):
        connect_arguments(f"mysql://d@h/denglu?ssl_ca={tmp_path}/none.pem")
    assert connect_arguments("mysql://d@h/denglu?ssl_mode=disabled&ssl_ca=x")["ssl"] is None


@pytest.mark.parametrize("query", ["sslmode=require", "ssl_mode=maybe", "charset=latin1"])
def test_an_option_that_is_none_is_refused_without_the_password(query: str) -> None:
    with pytest.raises(ValueError, match=r"ssl_mode|options") as raised:
        connect_arguments(f"mysql://d:secret@h/denglu?{query}")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("code", "text", "meaning", "told"),
    [
        (1062, "Duplicate entry '0-1-bob' for key 'uq_member_username_key'", Duplicate,
         "uq_member_username_key"),
        (1062, "Duplicate entry '0-1-bob' for key 'member.uq_member_username_key'", Duplicate,
         "uq_member_username_key"),
        (1062, "Duplicate entry 'x' for key 'mobile_key'' for key 'PRIMARY'", Duplicate, "PRIMARY"),
        (1586, "Duplicate entry 'a\nb' for key 'session.uq_session_slot'", Duplicate,
         "uq_session_slot"),
        (1062, "in other words", Duplicate, ""),
        (1213, "Deadlock found when trying to get lock", Conflict, "error 1213"),
        (1205, "Lock wait timeout exceeded", TooSlow, "error 1205"),
        (1969, "Query execution was interrupted (max_statement_time exceeded)", TooSlow,
         "error 1969"),
        (1040, "Too many connections", Crowded, "error 1040"),
        (2013, "Lost connection to MySQL server during query", Unreachable,
         "error 2013: Lost connection to MySQL server during query"),
        (1290, "read-only", Unreachable, "error 1290: read-only"),
    ],
)  # fmt: skip
def test_an_error_is_told_without_the_members_data(
    code: int, text: str, meaning: type[Exception], told: str
) -> None:
    error = in_our_words(errors.OperationalError(code, text))
    assert (type(error), str(error)) == (meaning, told)


def test_an_error_of_the_protocol_means_that_the_connection_is_lost() -> None:
    wrong = errors.InternalError("Packet sequence number wrong - got 7 expected 1")
    assert isinstance(in_our_words(wrong), Unreachable)


def test_a_fault_of_ours_stays_what_it_is() -> None:
    fault = errors.ProgrammingError(1064, "You have an error in your SQL syntax")
    assert in_our_words(fault) is fault


def test_mysql_8_is_set_in_its_own_words() -> None:
    told = session_settings("8.0.40", Times(statement=3))
    assert "SESSION transaction_isolation='READ-COMMITTED'" in told
    assert "SESSION max_execution_time=2400" in told
    assert "SESSION innodb_lock_wait_timeout=2" in told
    assert "tx_isolation" not in told
    assert "max_statement_time" not in told


async def test_a_session_is_what_the_flows_expect_whatever_the_server_is_set_to(
    mariadb: MariadbServer,
) -> None:
    mariadb.admin(
        "SET GLOBAL sql_mode='NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT', "
        "tx_isolation='REPEATABLE-READ', autocommit=0, character_set_server='latin1', "
        "lc_messages='de_DE'"
    )
    try:
        driver = MysqlDriver(mariadb.url(), pool=1, times=Times(statement=3))
        async with driver.link() as link:
            raw = link._raw  # type: ignore[attr-defined]
            prepared = await raw.prepare(
                "SELECT @@sql_mode, @@tx_isolation, @@autocommit, @@max_statement_time, "
                "@@innodb_lock_wait_timeout, @@character_set_client, @@character_set_connection, "
                "@@character_set_results, @@idle_transaction_timeout, @@lc_messages"
            )
            (row,) = (await prepared.execute()).rows
        await driver.close()
    finally:
        mariadb.admin(
            "SET GLOBAL sql_mode=DEFAULT, tx_isolation=DEFAULT, autocommit=1, "
            "character_set_server='utf8mb4', lc_messages=DEFAULT"
        )
    mode, *others = row
    assert mode == "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
    assert others == ["READ-COMMITTED", 1, 2.4, 2, "utf8mb4", "utf8mb4", "utf8mb4", 12, "en_US"]


async def test_what_is_matched_is_counted_also_where_nothing_changes(store: Store) -> None:
    member = await add_member(store)
    for _ in range(2):
        assert await store.write(lambda tx: tx.members.set_status(member.id, 1, NOW))
