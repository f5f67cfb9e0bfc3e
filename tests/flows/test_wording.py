"""Messages leave the flows with their text, and with what templates of providers ask for."""

from denglu.domain.member import Namespace
from denglu.domain.sms_code import FixedCodes, Usage
from denglu.domain.sms_message import Notice
from denglu.domain.wording import Wording
from denglu.flows.notice import Notices
from tests.flows.world import HOME, MOBILE, World


async def test_a_code_goes_out_under_the_template_of_its_usage(world: World) -> None:
    await world.code_for()
    await world.send_code(mobile=MOBILE, usage=Usage.up_pwd, caller=HOME)
    first, second = world.gateway.sent
    assert (first.template, second.template) == ("login", "up-pwd")
    assert second.params == {"code": second.code, "minutes": "5", "product": "denglu"}
    assert second.text == f"【denglu】您的验证码是{second.code}，5分钟内有效，请勿泄露。"


async def test_a_notice_goes_out_under_its_own_template(world: World) -> None:
    wording = Wording(product="明灯", texts={Notice.mobile_changed: "{product}号码已换"})
    notices = Notices(world.store, world.clock, world.secrets, world.sending, wording, FixedCodes())
    await notices.password_changed(MOBILE, Namespace(1))
    await notices.mobile_changed(MOBILE, Namespace(1))
    await notices.cancel_requested(MOBILE, Namespace(1), 7)
    await notices.mobile_changed("", Namespace(1))
    sent = world.gateway.sent
    assert [message.template for message in sent] == list(Notice)
    assert {(message.usage, message.code, message.minutes) for message in sent} == {
        ("notice", "", 0)
    }
    assert sent[1].text == "【明灯】明灯号码已换"
    assert "7天后" in sent[2].text
    assert sent[2].params == {"product": "明灯", "days": "7"}
