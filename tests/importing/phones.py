"""The tokens in members' phones: RageFrame's own, good ones and all sorts of others."""

import random
import string
from dataclasses import dataclass

from tests.importing.people import DAY, GONE, MEMBER, MERCHANT_USER, Row

ACCESS_LIFE, REFRESH_LIFE = 7200, 30 * DAY
# Group as an app sent it, and the slot that it means here.
GROUPS = {
    "iOS": "iOS",
    "android": "android",
    "h5": "h5",
    "wechatMini": "wechatMini",
    "tinyShopWechatMini": "wechatMini",
    "tinyShopWechatMp": "wechatMp",
    "tinyShopMiniProgram": "wechatMini",
    "tinyShopByteDanceMini": "bytedanceMini",
    "tinyShopH5": "h5",
    "tinyShop": "tinyShop",
    "oldKiosk": "oldKiosk",
}
_TOKEN_LETTERS = string.ascii_letters + string.digits + "-_"


@dataclass
class LiveToken:
    """A row of tokens that is good at ``now`` and whose member may use it."""

    member: Row
    group: str
    access: str
    refresh: str
    made_at: int

    @property
    def slot(self) -> str:
        """The group here."""
        return GROUPS[self.group]


def give_tokens(
    members: list[Row], live: int, chance: random.Random, now: int
) -> tuple[list[LiveToken], list[Row]]:
    """So many good tokens, several of one member among them; and the table, with others in it
    that are good for nothing.
    """
    able = [row for row in members if _may_log_in(row)]
    pool = chance.sample(able, min(len(able), live))
    each = -(-live // len(GROUPS))
    pairs = [(row, group) for group in GROUPS for row in chance.sample(pool, each)]
    good = [_good(row, group, chance, now) for row, group in pairs[:live]]
    chance.shuffle(good)
    rows = [_token_row(token, 1) for token in good]
    for group in ("pc", "app", "tinyShopQqMini"):
        rows += [_bad(row, group, chance, now) for row in chance.sample(able, live // 8)]
    unable = [row for row in members if not _may_log_in(row)]
    for row in (*unable[: live // 8], GONE):
        rows.append(_token_row(_good(row, "iOS", chance, now), 1))
    for number, row in enumerate(rows, 1):
        row["id"] = number
    return good, rows


def _may_log_in(row: Row) -> bool:
    return row["status"] == 1 and row["type"] in (MEMBER, MERCHANT_USER)


def _good(member: Row, group: str, chance: random.Random, now: int) -> LiveToken:
    """Fresh ones, and those whose access token is over while a refresh will do."""
    newest = chance.choice((60, ACCESS_LIFE + 600))
    made_at = now - chance.randrange(newest, newest + 3000)
    if chance.random() < 0.4:
        made_at = now - chance.randrange(DAY, REFRESH_LIFE - 3600)
    return LiveToken(member, group, _token(chance, made_at), _token(chance, made_at), made_at)


def _bad(member: Row, group: str, chance: random.Random, now: int) -> Row:
    """Over, disabled, without tokens, or what no RageFrame wrote."""
    good = _good(member, group, chance, now)
    over = now - REFRESH_LIFE - chance.randrange(1, 300 * DAY)
    old = LiveToken(member, group, _token(chance, over), _token(chance, over), over)
    return chance.choice((
        _token_row(old, 1),
        _token_row(good, 0),
        _token_row(good, 1) | {"access_token": None, "refresh_token": None},
        _token_row(good, 1) | {"access_token": None, "refresh_token": good.refresh[:-11]},
    ))  # fmt: skip


def _token(chance: random.Random, made_at: int) -> str:
    return "".join(chance.choices(_TOKEN_LETTERS, k=32)) + f"_{made_at}"


def _token_row(token: LiveToken, status: int) -> Row:
    return {
        "merchant_id": token.member["merchant_id"],
        "store_id": 0,
        "refresh_token": token.refresh,
        "access_token": token.access,
        "member_id": token.member["id"],
        "member_type": token.member["type"],
        "group": token.group,
        "status": status,
        "created_at": token.made_at,
        "updated_at": token.made_at,
    }
