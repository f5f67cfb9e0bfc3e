"""Row S17, its second half: what a server writes down of the codes that it sends."""

import json
import re
from pathlib import Path

from tests.battery.client import fresh_mobile
from tests.battery.conftest import Record
from tests.battery.harness import running
from tests.clouds.aliyun import AliyunPnvs, AliyunSms
from tests.clouds.base import serving
from tests.clouds.sender import Receiver
from tests.clouds.settings import of_aliyun, of_http, of_pnvs, of_tencent
from tests.clouds.tc3 import TencentSms


def test_S17_no_log_holds_a_code_or_a_number(tmp_path: Path, record: Record) -> None:
    """At level debug and with the libraries' own switches on, all four gateways are asked, refuse,
    babble and send; neither codes nor numbers are in anything that the server wrote.
    """
    codes: list[str] = []
    with (
        serving(AliyunSms()) as aliyun,
        serving(AliyunPnvs()) as pnvs,
        serving(TencentSms()) as tencent,
        serving(Receiver()) as receiver,
    ):
        settings = of_aliyun(aliyun) | of_pnvs(pnvs) | of_tencent(tencent) | of_http(receiver)
        settings |= {"SMS_GATEWAYS": "aliyun,aliyun-pnvs,tencent,http", "LOG_LEVEL": "debug"}
        named = {name.lower(): value for name, value in settings.items()}
        aliyun.fails, pnvs.fails = (0, "isv.AMOUNT_NOT_ENOUGH"), (403, "Forbidden.RAM")
        tencent.status = "LimitExceeded.AppDailyLimit"
        mobiles = [fresh_mobile() for _ in range(4)]
        with running(tmp_path, **named) as server:
            server.settings["DEBUG"] = "sdk"
            server.restart()

            def ask(mobile: str, code: int = 200) -> None:
                answer = server.post("sms-code", {"mobile": mobile, "usage": "login"})
                assert answer.code == code, answer.text

            ask(mobiles[0])
            codes.append(receiver.sent[-1]["code"])
            tencent.mode = "garbage"
            ask(mobiles[1], 422)
            tencent.mode, tencent.status = "answers", ""
            ask(mobiles[2])
            codes.append(tencent.sent[-1]["params"][0])
            aliyun.fails = None
            ask(mobiles[3])
            codes.append(re.findall("[0-9]{6}", aliyun.sent[-1][1])[0])
            codes += [each["TemplateParamSet"][0] for each in tencent.asked]
            codes += [json.loads(each["TemplateParam"])["code"] for each in pnvs.asked]
        log = "\n".join(map(_without_ids, server.log.splitlines()))
    assert len(set(codes)) == len(mobiles)
    assert "isv.AMOUNT_NOT_ENOUGH" in log
    found = [one for one in {*codes, *mobiles} if re.search(rf"(?<!\d){one}(?!\d)", log)]
    record("S17", tried="logs at debug of four gateways that refuse, babble and send",
           figure=f"{len(found)} of {len(set(codes))} codes, no number")  # fmt: skip
    assert found == []


def _without_ids(line: str) -> str:
    """A line of the log, without the random hexadecimal id, which looks like digits."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    return json.dumps({name: each for name, each in fields.items() if name != "request_id"})
