"""What the commands of the plugin have in common."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from denglu.cli.backstage import behind
from denglu.cli.faults import Fault
from denglu.cli.output import counted

if TYPE_CHECKING:
    from denglu.domain.merchant import Merchant
    from denglu.flows.merchants import AdministerMerchants
    from denglu.settings import Settings

T = TypeVar("T")
PAGE = 500


def administer(
    settings: "Settings",
    work: "Callable[[AdministerMerchants], Awaitable[T]]",
    *,
    create: bool = False,
) -> T:
    """Run ``work``. ``create`` makes a database that is not there yet."""
    from denglu.flows.merchants import AdministerMerchants

    return behind(settings, lambda *parts: work(AdministerMerchants(*parts)), create=create)


async def find(desk: "AdministerMerchants", name: str) -> "Merchant":
    """The merchant that an operator means. Raises Fault."""
    found = await desk.find(name)
    if found is None:
        raise Fault(f"there is no merchant {name!r}: `denglu merchant list` shows those there are")
    return found


def sessions(ended: int | None) -> str:
    """How many ended, as the end of a sentence."""
    return f"; {counted(ended, 'session')} ended" if ended else ""
