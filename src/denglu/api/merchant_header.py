"""`merchant-id`: whose member somebody is, where a path takes the header into account.

Apps send it whatever they are for, with what they have in place of a merchant when they have none.
"""

import re
from typing import TYPE_CHECKING

from denglu.api.exchange import Exchange
from denglu.domain.errors import Reason, Refusal

if TYPE_CHECKING:
    from denglu.api.options import Flows

_NO_MERCHANT = frozenset({"", "0", "undefined", "null"})
# Every one of these fits into 63 bits, and there is one way to write it.
_NUMBER = re.compile("[1-9][0-9]{0,17}", re.ASCII)


async def merchant_of(exchange: Exchange, flows: "Flows") -> int:
    """The id of an enabled merchant, or 0 for none. Raises ``merchant_not_found``."""
    named = exchange.header(b"merchant-id")
    if named in _NO_MERCHANT:
        return 0
    # Limits of a number live within a merchant: who could make merchants up would have none.
    if not _NUMBER.fullmatch(named):
        raise Refusal(Reason.merchant_not_found)
    await flows.check_merchant(int(named))
    return int(named)


async def no_merchant(exchange: Exchange, flows: "Flows") -> int:
    """The same where nobody looks at the header."""
    return 0
