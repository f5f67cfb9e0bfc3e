"""Members and their own number on a running server: rivals, and what strangers learn."""

import pytest

from tests.battery.client import Client, fresh_address, fresh_mobile
from tests.battery.conftest import Record
from tests.battery.harness import Raw, Server
from tests.battery.rivals import only_winner, outcomes, refresh, rounds, rounds_told, site
from tests.battery.test_enumeration import assert_all_alike, wrong
from tests.battery.test_races import ENDED, assert_dead, members_like, pair_of

PATH = "/v1/member/mobile"


@pytest.fixture(scope="module")
def server(any_server: Server) -> Server:
    """Every row of this module meets every database."""
    return any_server


def move(token: str, mobile: str, codes: dict[str, str]) -> Raw:
    """A change of mobile."""
    headers = {"X-Forwarded-For": fresh_address()}
    return Raw(PATH, {"mobile": mobile} | codes, token=token, headers=headers)


def codes_for(client: Client, old: str, new: str) -> dict[str, str]:
    """Codes to both numbers."""
    client.server.advance(61)
    return {
        "code": client.code_for(old, "reset-mobile"),
        "new_code": client.code_for(new, "binding-mobile"),
    }


def live(server: Server, mobile: str) -> list[tuple[object, ...]]:
    """The groups in which the member with this number is logged in."""
    return server.rows(
        "select s.client_group from session s join member m on m.id = s.member_id "
        "where m.mobile_key = ? and s.slot is not null order by 1",
        mobile,
    )


def test_R02_members_want_one_number(client: Client, record: Record) -> None:
    """Four members bind one number at once, each with right codes."""
    server, rivals = client.server, 4
    for _ in range(rounds(server)):
        wanted = fresh_mobile()
        members = members_like(client, rivals)
        tokens = [client.login(mobile).data["access_token"] for mobile in members]
        server.advance(61)
        codes = [client.code_for(mobile, "reset-mobile") for mobile in members]
        new = client.code_for(wanted, "binding-mobile")
        requests = [
            move(token, wanted, {"code": code, "new_code": new})
            for token, code in zip(tokens, codes, strict=True)
        ]
        answers = server.race(requests)
        winner = only_winner(answers, "bad_code", "mobile_taken")
        found = server.rows("select id from member where mobile_key = ?", wanted)
        assert found == [(winner.data["member"]["id"],)]
        spent = "select count(*) from sms_code where code_usage = 'reset-mobile' and live = 1"
        assert server.rows(spent) == [(rivals - 1,)]
        server.rows("update sms_code set live = null where live = 1")
    record("R02", tried=f"{rivals} members bind one number at once, {rounds_told(server)}",
           figure="1 has it, the codes of the others stay good")  # fmt: skip


def test_R11_one_member_moves_once(client: Client, record: Record) -> None:
    """Thirty changes of mobile at once, with the same two codes."""
    server = client.server
    for _ in range(rounds(server)):
        old, new = fresh_mobile(), fresh_mobile()
        before = pair_of(client.register(old))
        codes = codes_for(client, old, new)
        answers = server.race([move(before["access_token"], new, codes) for _ in range(30)])
        after = pair_of(only_winner(answers, "bad_code", *ENDED))
        assert client.who_am_i(after["access_token"]).code == 200
        assert live(server, new) == [("pc",)]
        assert_dead(client, [before])
    record("R11", tried=f"30 changes of mobile at once with the same codes, {rounds_told(server)}",
           figure="1 success, 1 session each round")  # fmt: skip


def test_R07_refreshes_and_a_change_of_mobile(client: Client, record: Record) -> None:
    """Twenty refreshes in two groups beside a change of mobile."""
    server = client.server
    for _ in range(rounds(server)):
        old, new = fresh_mobile(), fresh_mobile()
        pairs = [pair_of(client.register(old)), pair_of(client.login(old, group="h5"))]
        codes = codes_for(client, old, new)
        groups = ("pc", "h5")
        rivals = [refresh(pairs[n % 2]["refresh_token"], groups[n % 2]) for n in range(20)]
        answers = server.race([*rivals[:10], move(pairs[0]["access_token"], new, codes),
                               *rivals[10:]])  # fmt: skip
        changed = answers.pop(10)
        assert changed.code == 200, changed.text
        assert set(outcomes(answers)) <= {"OK", *ENDED}
        for number, group in enumerate(groups):
            of_group = [pairs[number]] + [
                pair_of(a) for n, a in enumerate(answers) if a.code == 200 and n % 2 == number
            ]
            assert_dead(client, of_group, group)
        assert live(server, new) == [("pc",)]
    record("R07", tried=f"20 refreshes beside a change of mobile, {rounds_told(server)}",
           figure="no session of before is left")  # fmt: skip


def test_R08_a_reset_and_a_change_of_mobile(client: Client, record: Record) -> None:
    """A password reset by the old number beside a change of mobile."""
    server, told = client.server, []
    for _ in range(rounds(server)):
        old, new = fresh_mobile(), fresh_mobile()
        before = pair_of(client.register(old))
        codes = codes_for(client, old, new)
        server.advance(61)
        body = {"mobile": old, "code": client.code_for(old, "up-pwd"), "group": "h5"}
        body |= {"password": "silver-estuary-91", "password_repetition": "silver-estuary-91"}
        answers = server.race([move(before["access_token"], new, codes), site("up-pwd", body)])
        only_winner(answers, "member_not_found", *ENDED)
        told += [str(answer.reason) for answer in answers if answer.code != 200]
        assert_dead(client, [before])
        assert [live(server, mobile) for mobile in (old, new)].count([]) == 1
    record("R08", tried=f"a reset beside a change of mobile, {rounds_told(server)}",
           figure=f"1 of 2 each round, the other: {', '.join(sorted(set(told)))}")  # fmt: skip


def test_E05_that_a_number_is_taken_is_told_only_after_right_codes(client: Client) -> None:
    taken, free, own = (fresh_mobile() for _ in range(3))
    client.register(taken)
    token = client.register(own).data["access_token"]
    right = {name: codes_for(client, own, mobile)
             for name, mobile in (("taken", taken), ("free", free))}  # fmt: skip
    code = right["free"]["code"]
    answers = {}
    for name, mobile in (("taken", taken), ("free", free)):
        new = right[name]["new_code"]
        for what, codes in {
            "no codes": {"code": "000000", "new_code": "000000"},
            "only the new one": {"code": wrong(code), "new_code": new},
            "only the old one": {"code": code, "new_code": wrong(new)},
            "one that is none": {"code": code, "new_code": "abc"},
        }.items():
            body = {"mobile": mobile} | codes
            answers[f"{name}, {what}"] = client.call("POST", PATH, body, token=token)
    assert_all_alike(answers, "bad_code", "验证码错误")
    body = {"mobile": taken, "code": code, "new_code": right["taken"]["new_code"]}
    told = client.call("POST", PATH, body, token=token)
    assert (told.code, told.body["message"]) == (422, "此手机号码已存在。")
    body = {"mobile": free, "code": code, "new_code": right["free"]["new_code"]}
    assert client.call("POST", PATH, body, token=token).code == 200
