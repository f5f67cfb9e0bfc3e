"""`denglu sms`: which messages were sent, how well, at what cost; and a test."""

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from tests.cli.desk import Desk, Serving
from tests.clouds.base import serving as emulated
from tests.clouds.sender import Receiver
from tests.clouds.settings import of_http, of_tencent
from tests.clouds.tc3 import TencentSms

MING, HONG = "13800000000", "13812340000"
KEYS = [
    "id", "at", "time", "mobile", "template", "gateway", "outcome", "provider_id", "cost",
    "parts", "latency_ms", "error", "finished_at", "received_at",
]  # fmt: skip
RECEIPT_KEY = "receipt.canary-1234"


@pytest.fixture
def outbox(desk: Desk) -> Desk:
    """A desk whose messages go to a file and cost something."""
    desk.settings = {
        "DENGLU_SMS_GATEWAYS": "outbox",
        "DENGLU_SMS_OUTBOX": str(desk.folder / "outbox"),
        "DENGLU_SMS_PRICES": "outbox=0.05",
        "DENGLU_SMS_BUDGET": "day=10",
        "DENGLU_SMS_BUDGET_MESSAGES": "hour=5",
    }
    return desk


@pytest.fixture
def near(outbox: Desk) -> Desk:
    """The same; its commands run in this process."""
    outbox.near = True
    return outbox


def lines(desk: Desk, *words: str, **settings: str) -> list[dict[str, Any]]:
    """What ``denglu sms list --json`` says."""
    said = desk.ok("sms", "list", *words, "--json", **settings)
    return [json.loads(line) for line in said.splitlines()]


def ask(server: Serving, mobile: str, usage: str = "login") -> str:
    answer = server.call("/v1/site/sms-code", {"mobile": mobile, "usage": usage})
    return "" if answer.code == 200 else answer.reason


def sql(desk: Desk, text: str) -> None:
    with closing(apsw.Connection(str(desk.database))) as db:
        db.execute(text)


def sent(desk: Desk) -> list[dict[str, Any]]:
    """What the gateway was given."""
    text = (desk.folder / "outbox").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_message_is_seen_beside_the_server_from_its_sending_to_its_receipt(outbox: Desk) -> None:
    with outbox.serving(sms_receipt_key=RECEIPT_KEY) as server:
        assert [ask(server, MING), ask(server, HONG, "register")] == ["", ""]
        code = {"mobile": MING, "code": sent(outbox)[0]["code"], "group": "pc"}
        assert server.call("/v1/site/mobile-login", code).reason == "member_not_found"
        told = lines(outbox)
        assert all(list(line) == KEYS for line in told)
        assert [line["mobile"] for line in told] == ["138****0000", "138****0000"]
        assert [line["template"] for line in told] == ["login", "register"]
        assert {(line["gateway"], line["outcome"], line["cost"]) for line in told} == {
            ("outbox", "sent", "0.05")
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d", told[0]["time"])
        assert [line["id"] for line in lines(outbox, "--mobile", MING)] == [told[0]["id"]]
        assert [line["id"] for line in lines(outbox, "--mobile", f"+86{HONG}")] == [told[1]["id"]]
        other = outbox.run("sms", "list", "--mobile", "13900000000")
        assert (other.stdout, other.stderr) == ("", "no messages\n")

        # As a provider would, that had given it a name.
        sql(outbox, "update sms_message set provider_id = 'a^' || id, gateway = 'aliyun'")
        tell(server, "a^1")
        assert [line["outcome"] for line in lines(outbox)] == ["delivered", "sent"]
        assert lines(outbox, "--outcome", "delivered")[0]["received_at"]
        assert server.stop() == 0
        log = server.errors.read_text()
    assert RECEIPT_KEY not in log
    assert '"path":"/hooks/sms/aliyun/***"' in log
    everything = log + outbox.ok("sms", "list") + outbox.ok("sms", "stats")
    assert MING not in everything
    assert HONG not in everything
    assert all(entry["code"] not in everything for entry in sent(outbox))


def tell(server: Serving, name: str) -> None:
    entry = {"biz_id": name, "success": True, "phone_number": MING, "err_code": "DELIVERED"}
    url = f"http://127.0.0.1:{server.port}/hooks/sms/aliyun/{RECEIPT_KEY}"
    answer = httpx.post(url, json=[entry], trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"code": 0, "msg": "成功"})


def test_the_figures_are_shown_by_gateway_by_template_and_against_the_budgets(
    outbox: Desk,
) -> None:
    with outbox.serving() as server:
        for mobile in (MING, HONG, "13900000000"):
            assert ask(server, mobile) == ""
        code = {"mobile": MING, "code": sent(outbox)[0]["code"], "group": "pc"}
        server.call("/v1/site/mobile-login", code)
        figures = outbox.json("sms", "stats")
        assert server.stop() == 0
    of = figures["gateways"]["outbox"]
    assert (of["sent"], of["outcomes"], of["cost"]) == (3, {"sent": 3}, "0.15")
    assert isinstance(of["p95_ms"], int)
    assert figures["templates"]["login"] == of
    hour, day = figures["budgets"]["hour"], figures["budgets"]["day"]
    assert (hour["messages"], hour["of_messages"], hour["of_money"]) == (3, 5, None)
    assert (day["money"], day["of_money"], day["of_messages"]) == ("0.15", "10", None)
    assert hour["until"] - hour["since"] == 3600
    assert figures["until"] - figures["since"] == pytest.approx(86400, abs=2)


def test_the_tables_have_a_line_for_each(near: Desk) -> None:
    near.ok("sms", "test", MING)
    head, row = near.ok("sms", "list").splitlines()
    assert " ".join(head.split()) == "TIME NUMBER TEMPLATE GATEWAY OUTCOME COST MS ID ERROR"
    assert " 138****0000  login            outbox       sent         0.05 " in row
    said = near.ok("sms", "stats")
    assert re.search(r"(?m)^outbox   1     0 ", said)
    assert re.search(r"(?m)^hour    1         5   0.05 +\d", said)
    assert near.run("sms", "stats", sms_budget="", sms_budget_messages="").stdout.count("\n\n") == 2


def test_what_was_under_way_for_too_long_is_unknown(near: Desk) -> None:
    near.ok("sms", "test", MING)
    sql(near, "update sms_message set outcome = 'sending', created_at = created_at - 50")
    assert [line["outcome"] for line in lines(near)] == ["sending"]
    sql(near, "update sms_message set created_at = created_at - 50")
    assert [line["outcome"] for line in lines(near)] == ["unknown"]
    assert len(lines(near, "--outcome", "unknown")) == 1
    assert near.json("sms", "stats")["gateways"]["outbox"]["outcomes"] == {"unknown": 1}


def test_a_terminal_cannot_be_written_on_by_a_message(near: Desk) -> None:
    near.ok("sms", "test", MING)
    sql(near, "update sms_message set error = 'a\x1b[2J', outcome = 'of_tomorrow'")
    row = near.ok("sms", "list").splitlines()[1]
    assert row.endswith("a\N{REPLACEMENT CHARACTER}[2J")
    assert "of_tomorrow" in row


def test_what_is_left_out_is_said(near: Desk) -> None:
    assert near.run("sms", "list").stderr == "no messages in the last 24 hours\n"
    figures = near.run("sms", "stats")
    assert figures.stderr == "no messages\n"
    assert "GATEWAY" not in figures.stdout
    assert "BUDGET" in figures.stdout
    assert near.run("sms", "list", "--mobile", MING).stderr == "no messages\n"
    for _ in range(2):
        near.ok("sms", "test", MING)
    done = near.run("sms", "list", "--limit", "1", "--json")
    assert json.loads(done.stdout)["id"] == 2
    assert done.stderr == "there are older ones: --limit shows more\n"
    sql(near, "update sms_message set created_at = created_at - 2 * 86400")
    assert near.run("sms", "list").stdout == ""
    assert len(lines(near, "--mobile", MING)) == len(lines(near, "--since", "3d")) == 2
    assert lines(near, "--since", "3d", "--until", "2h", "--gateway", "outbox") != []
    assert near.run("sms", "list", "--since", "3d", "--gateway", "aliyun").stdout == ""


def test_a_test_sends_a_code_that_is_good_for_nothing_and_counts_in_the_budget(
    outbox: Desk,
) -> None:
    with outbox.serving() as server:
        said = outbox.ok("sms", "test", MING, "--template", "register")
        assert re.fullmatch(r"outbox: sent to 138\*{4}0000 in \d+ ms, cost 0.05\n", said)
        (entry,) = sent(outbox)
        assert (entry["mobile"], entry["usage"]) == (MING, "register")
        body = {
            "mobile": MING, "code": entry["code"], "group": "pc", "password": "moonlit-harbour-17",
            "password_repetition": "moonlit-harbour-17", "nickname": "ming",
        }  # fmt: skip
        assert server.call("/v1/site/register", body).reason == "bad_code"
        # No limit of the number, and every budget, has counted it.
        for _ in range(3):
            outbox.ok("sms", "test", MING)
        assert ask(server, MING) == ""
        assert ask(server, HONG) == "sms_budget"
        line = outbox.fault("sms", "test", MING)
        assert re.fullmatch(r"a budget is spent: there is room in \d+ s", line)
        assert server.stop() == 0
    assert len(sent(outbox)) == 5


def test_a_dry_run_sends_nothing_and_shows_the_text(near: Desk) -> None:
    said = near.ok("sms", "test", MING, "--dry-run")
    assert said.startswith("dry run: nothing was sent to 138****0000; our own text is\n【denglu】")
    assert not (near.folder / "outbox").exists()
    assert [line["outcome"] for line in lines(near)] == ["dry_run"]


def test_what_each_gateway_said_is_shown_and_explained(desk: Desk) -> None:
    with emulated(TencentSms()) as tencent, emulated(Receiver()) as receiver:
        settings = {**of_tencent(tencent), **of_http(receiver), "SMS_GATEWAYS": "tencent,http"}
        desk.settings = {f"DENGLU_{name}": value for name, value in settings.items()}
        tencent.status = "FailedOperation.SignatureIncorrectOrUnapproved"
        said = desk.ok("sms", "test", MING)
        first, chinese, english, last = said.splitlines()
        assert first == f"tencent: refused: {tencent.status}"
        assert "签名" in chinese
        assert "signature" in english.lower()
        assert last.startswith("http: sent to 138****0000 in ")
        assert len(receiver.sent) == 1

        told = desk.json("sms", "test", MING)
        assert (told["outcome"], told["gateway"]) == ("sent", "http")
        assert told["failures"][0]["cause"] == tencent.status

        done = desk.run("sms", "test", MING, "--gateway", "tencent")
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1] == "not sent"
        tencent.mode = "garbage"
        done = desk.run("sms", "test", MING, "--gateway", "tencent", "--json")
        assert (done.returncode, json.loads(done.stdout)["outcome"]) == (1, "unknown")
        assert len(receiver.sent) == 2
    outcomes = [line["outcome"] for line in lines(desk)]
    assert outcomes == ["sent", "sent", "failed", "unknown"]


def test_mistakes_are_one_line(near: Desk) -> None:
    for words in (("test", "1380000"), ("list", "--mobile", "ming")):
        line = near.fault("sms", *words, code=2)
        assert line == "that is no whole mobile number of mainland China"
    line = near.fault("sms", "test", MING, "--gateway", "tencent", code=2)
    assert line == "--gateway tencent: DENGLU_SMS_GATEWAYS has outbox"
    assert "'yesterday' is no time" in near.fault("sms", "stats", "--since", "yesterday", code=2)
    assert "is not one of" in near.fault("sms", "list", "--outcome", "lost", code=2)
    line = near.fault("sms", "list", "--gateway", "alyun", code=2)
    assert line == (
        "--gateway alyun: there are console, outbox, aliyun, aliyun-pnvs, tencent, http"
    )


def test_without_a_database_there_are_no_messages(bare: Desk) -> None:
    for words in (("list",), ("stats",), ("test", MING)):
        assert "there is no database at" in bare.fault("sms", *words)
    assert list(bare.folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["postgres_url", "mysql_url"])
def test_network_databases_are_read_as_well(
    bare: Desk, kind: str, request: pytest.FixtureRequest
) -> None:
    bare.settings = {
        "DENGLU_DATABASE_URL": request.getfixturevalue(kind),
        "DENGLU_SECRET_KEY": "s" * 32,
        "DENGLU_SMS_GATEWAYS": "outbox",
        "DENGLU_SMS_OUTBOX": str(Path(bare.folder) / "outbox"),
        "DENGLU_SMS_BUDGET_MESSAGES": "hour=5",
    }
    bare.near = True
    bare.ok("migrate")
    bare.ok("sms", "test", MING)
    assert [line["outcome"] for line in lines(bare, "--mobile", MING)] == ["sent"]
    figures = bare.json("sms", "stats")
    assert figures["gateways"]["outbox"]["sent"] == 1
    assert figures["budgets"]["hour"]["messages"] == 1


def test_messages_to_a_number_are_found_where_they_were_asked_for(outbox: Desk) -> None:
    outbox.settings["DENGLU_PLUGINS"] = "merchant"
    outbox.ok("merchant", "add", "月光书店")
    with outbox.serving() as server:
        asked = {"mobile": MING, "usage": "login"}
        for path in ("/v1/site/sms-code", "/merapi/v1/site/sms-code"):
            assert server.call(path, asked).code == 200
        url = f"http://127.0.0.1:{server.port}/v1/site/sms-code"
        told = httpx.post(url, json=asked, headers={"merchant-id": "1"}, trust_env=False)
        assert told.json()["code"] == 200
    words = ((), ("--merchant-users",), ("--merchant", "1"))
    found = [lines(outbox, "--mobile", MING, *more) for more in words]
    assert [[line["id"] for line in each] for each in found] == [[1], [2], [3]]
    elsewhere = outbox.run("sms", "list", "--mobile", MING, "--merchant", "2")
    assert (elsewhere.stdout, elsewhere.stderr) == ("", "no messages\n")


@pytest.mark.parametrize(
    "words",
    [
        ("--merchant", "1"),
        ("--merchant-users",),
        ("--mobile", MING, "--merchant", "1", "--merchant-users"),
    ],
)
def test_whose_number_is_said_once_and_with_a_number(near: Desk, words: tuple[str, ...]) -> None:
    refused = near.run("sms", "list", *words)
    assert (refused.returncode, "whose the number" in refused.stderr) == (2, True)
