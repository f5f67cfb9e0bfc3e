"""Taking tries back: exactly those, and nothing of anybody else's."""

from denglu.domain.errors import Reason
from denglu.domain.limits import Limit, Rate, Tally
from denglu.flows.limiting import Claim, Tried, claim_all, release_each
from denglu.flows.ports import Transaction
from tests.flows.world import NOW, World

LIMIT = Limit("test", (Rate(5, 3600),))
NUMBER, OTHER_NUMBER, ADDRESS = b"1" * 32, b"2" * 32, b"a" * 32


def tried(*keys: bytes, name: str = "", mark: str = "", lasting: bool = False) -> Tried:
    """A try under these keys."""
    claims = [Claim(LIMIT, key, Reason.bad_code, name, lasting=lasting) for key in keys]
    return Tried(claims, NOW, mark)


async def remembered(world: World, *counted: Tried, back: list[Tried]) -> dict[bytes, list[str]]:
    """The names of the tries that stay, by key, when some of those counted are taken back."""

    async def work(tx: Transaction) -> dict[bytes, str]:
        for one in counted:
            await claim_all(tx, one)
        await release_each(tx, back, NOW + 1)
        return await tx.tallies.recall([NUMBER, OTHER_NUMBER, ADDRESS])

    found = await world.store.write(work)
    return {key: [tag for _, _, tag in Tally.load(text).tries] for key, text in found.items()}


async def test_several_tries_are_taken_back_in_one_pass(world: World) -> None:
    stays = tried(NUMBER, ADDRESS, name="stays")
    first = tried(NUMBER, ADDRESS, name="first")
    second = tried(OTHER_NUMBER, ADDRESS, name="second")
    assert await remembered(world, stays, first, second, back=[first, second]) == {
        NUMBER: ["stays"],
        OTHER_NUMBER: [],
        ADDRESS: ["stays"],
    }


async def test_a_pending_try_is_taken_back_by_its_mark(world: World) -> None:
    stays, leaves = tried(NUMBER, mark="stays"), tried(NUMBER, mark="leaves")
    assert await remembered(world, stays, leaves, back=[leaves]) == {NUMBER: ["?stays"]}


async def test_what_was_spent_for_good_is_never_taken_back(world: World) -> None:
    spent = tried(NUMBER, name="spent", lasting=True)
    assert await remembered(world, spent, back=[spent]) == {NUMBER: ["spent"]}
