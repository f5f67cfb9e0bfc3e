"""The comparison finds whatever differs, and names it."""

from collections.abc import Callable

import pytest

from denglu.moving import copying
from denglu.moving.comparing import Compared
from denglu.moving.copy import copy_database
from denglu.store.schema import token
from tests.moving.conftest import Empty
from tests.moving.places import Place, fill, quiet

_ROWS = 40


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BATCH", 9)


def differing(source: Place, target: Place, harm: Callable[[], object]) -> list[Compared]:
    """Copy, harm the target, and only then compare; returns the tables that differ."""
    harmed: list[object] = []

    def once(thing: str, done: int, total: int) -> None:
        if thing == "member" and not harmed:
            harmed.append(harm())

    fill(source, _ROWS)
    # The first batch of members has been read when the harm is done: its rows are left alone.
    report = copy_database(source.url, target.url, restart=False, copying=quiet, comparing=once)
    assert harmed
    return [table for table in report.compared if not table.same]


@pytest.mark.parametrize(
    ("harm", "table", "first"),
    [
        ("UPDATE member SET nickname = '' WHERE id = 51", "member", ["51 (differs)"]),
        ("UPDATE member SET birthday = NULL WHERE id = 51", "member", ["51 (differs)"]),
        ("UPDATE member SET birthday = '' WHERE id = 54", "member", ["54 (differs)"]),
        ("UPDATE session SET generation = generation + 1 WHERE id = 9", "session", ["9 (differs)"]),
        (
            "DELETE FROM sms_spend WHERE scope = 5",
            "sms_spend",
            ["5  'a\"b\\c\\ 5 (missing in the target)"],
        ),
        ("DELETE FROM sms_code WHERE id = 3", "sms_code", ["3 (missing in the target)"]),
        ("DELETE FROM sms_code WHERE id = 120", "sms_code", ["120 (missing in the target)"]),
        (
            "INSERT INTO audit_event (id, event) VALUES (121, 'login')",
            "audit_event",
            ["121 (missing in the source)"],
        ),
        (
            "INSERT INTO audit_event (id, event) VALUES (1, 'login')",
            "audit_event",
            ["1 (missing in the source)"],
        ),
    ],
)
def test_one_row_that_differs_is_found(
    source: Place, empty: Empty, harm: str, table: str, first: list[str]
) -> None:
    target = empty("sqlite")
    (found,) = differing(source, target, lambda: target.sql(harm))
    assert (found.table, found.differing, found.first) == (table, 1, first)
    assert found.checksums[0] != found.checksums[1]


def test_a_digest_that_lost_a_bit_is_found(source: Place, target: Place) -> None:
    def harm() -> None:
        digest = source.rows(token)[20][0]
        hex_digit = "0" if digest.hex()[0] != "0" else "1"
        # Of the same length, and elsewhere in the order of keys.
        changed = bytes.fromhex(hex_digit + digest.hex()[1:])
        mark = "UPDATE session_token SET digest = {} WHERE digest = {}"
        target.sql(mark.format(*(_literal(target, value) for value in (changed, digest))))

    (found,) = differing(source, target, harm)
    assert (found.table, found.differing, found.rows) == ("session_token", 2, (_ROWS, _ROWS))


def _literal(place: Place, value: bytes) -> str:
    return f"'\\x{value.hex()}'" if place.url.startswith("postgresql") else f"x'{value.hex()}'"


def test_rows_that_are_all_gone_are_counted_and_a_few_are_named(
    source: Place, target: Place
) -> None:
    (found,) = differing(source, target, lambda: target.sql("DELETE FROM session"))
    assert (found.rows, found.differing, len(found.first)) == ((_ROWS, 0), _ROWS, 5)
