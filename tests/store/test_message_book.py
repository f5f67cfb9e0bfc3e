"""What operators ask of messages is found by an index, however many there are."""

import pytest

from denglu.store.sqlite import STATEMENTS, SqliteStore

SPAN = {"p_since": 1, "p_before": 2, "p_before_id": 3, "p_limit": 4}
NUMBER = {"p_masked": "138****0000", "p_number_key": bytes(32)}


@pytest.mark.parametrize(
    ("name", "params", "indexes"),
    [
        ("message_page", SPAN, ["sms_message USING INDEX ix_sms_message_created_at"]),
        (
            "message_page_of",
            SPAN | NUMBER,
            ["sms_message USING INDEX ix_sms_message_mobile_masked"],
        ),
        (
            "code_uses",
            {"p_since": 1, "p_until": 2},
            [
                "sms_message USING INDEX ix_sms_message_created_at",
                "sms_code USING INDEX sqlite_autoindex_sms_code_1 (number_key=? AND code_usage=?)",
            ],
        ),
    ],
)
async def test_no_question_walks_the_table(
    sqlite: SqliteStore, name: str, params: dict[str, object], indexes: list[str]
) -> None:
    statement = STATEMENTS[name]
    words, values = f"EXPLAIN QUERY PLAN {statement.sql}", statement.bind(params)
    plan = [row[3] for row in sqlite._reading.execute(words, values)]
    assert not [step for step in plan if step.startswith("SCAN")]
    for index in indexes:
        assert [step for step in plan if step.startswith(f"SEARCH {index}")], plan
    if name == "message_page":
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan
