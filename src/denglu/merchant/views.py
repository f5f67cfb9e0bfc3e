"""Merchants and their users as commands take and show them. The keys of the JSON are stable."""

from denglu.cli.faults import Fault
from denglu.cli.new_member import has_unseen
from denglu.cli.output import when
from denglu.cli.views import Json, masked_name, member_json
from denglu.domain.member import Member, Status, name_key
from denglu.domain.merchant import Merchant

_LONGEST_NAME = 200
MERCHANT_HEAD = ("ID", "NAME", "STATUS", "SINCE")


def check_name(text: str) -> str:
    """A merchant's name as it will be stored. Raises Fault."""
    key = name_key(text)
    if not key:
        raise Fault("the name is blank")
    if max(len(text), len(key)) > _LONGEST_NAME:
        raise Fault(f"the name is longer than {_LONGEST_NAME} characters")
    if has_unseen(text):
        raise Fault("the name holds a control or invisible character")
    if key.isdecimal():
        raise Fault("the name is a number: a merchant can be named by its id, too")
    return text.strip()


def merchant_json(merchant: Merchant) -> Json:
    """A merchant for programs. Times are Unix seconds."""
    return {
        "id": merchant.id,
        "name": merchant.name,
        "status": status_name(merchant),
        "created_at": merchant.created_at,
        "updated_at": merchant.updated_at,
    }


def merchant_row(merchant: Merchant) -> list[str]:
    """A merchant as a line of a table."""
    return [str(merchant.id), merchant.name, status_name(merchant), when(merchant.created_at)]


def name_of(merchant: Merchant) -> str:
    """How a merchant is called in a sentence: ``merchant 7 (月光书店)``."""
    return f"merchant {merchant.id} ({merchant.name})"


def status_name(merchant: Merchant) -> str:
    """``enabled``, ``disabled`` or ``deleted``."""
    return Status(merchant.status).name


def user_json(user: Member) -> Json:
    """A user of a merchant for programs: a member, and whose user it is."""
    return {"id": user.id, "merchant_id": user.merchant_id} | member_json(user)


def user_name(user: Member) -> str:
    """How a user is called in a sentence: ``user 7 (ming) of merchant 2``."""
    name = masked_name(user.username or user.mobile) or user.nickname
    called = f"user {user.id} ({name})" if name else f"user {user.id}"
    return f"{called} of merchant {user.merchant_id}"
