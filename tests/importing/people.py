"""Who is in a shop: its merchants, its members with their books, what they are bound to elsewhere.

Rows are mappings, named as version 3 names the columns.
"""

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import bcrypt

Row = dict[str, Any]

DAY = 86400
MEMBER, ADMINISTRATOR, MERCHANT_USER = 1, 2, 3
DELETED = -1
MERCHANTS = (1, 2, 5)
# A password, and the cost of its hash.
PASSWORDS = (("moonlit-harbour-17", 13), ("Kl3iner Bär 🐻", 10), ("x" * 80, 10))
# Somebody whose row is not there any more.
GONE: Row = {"id": 99_999_999, "merchant_id": 0, "type": MEMBER, "status": 1}
# A try at the first takes half a second: few have it.
_HOW_OFTEN = (2, 7, 1)
_NICKNAMES = (
    "月光", "小明", "🐼🎋", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "李娜-Lína", "O'Brien",
    'a"b', "back\\slash", "tab\there", "two\nlines", "100%_real", "\ufb01ligree", "e\u0301",
    "مرحبا", " spaces ", "月" * 60, "🎉" * 60, "", None,
)  # fmt: skip
_MONEY = ("0.00", "0.01", "-0.01", "12.50", "-3.99", "99999999.99", "-99999999.99", "1234567.89")


@cache
def hash_of(password: str, cost: int) -> str:
    """As PHP writes it."""
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()
    return made.replace("$2b$", "$2y$", 1)


def merchant(number: int, chance: random.Random, now: int) -> Row:
    """One that is open."""
    return {
        "id": number,
        "title": f"商户{number} 🏪",
        "cover": chance.choice(("", None, "/cover.png")),
        "address_name": chance.choice(("杭州", None)),
        "address_details": chance.choice(("西湖区 1 号", None)),
        "collect_num": number * 10,
        "status": 1,
        "created_at": now - 900 * DAY,
        "updated_at": now - 9 * DAY,
    }


def levels(chance: random.Random, now: int) -> Iterator[Row]:
    """Four of the site, and four of each merchant."""
    for owner in (0, *MERCHANTS):
        for level in range(1, 5):
            yield {
                "id": owner * 10 + level,
                "merchant_id": owner,
                "store_id": chance.choice((0, None)),
                "level": level,
                "name": ("普通会员", "Silver", "黄金🥇", "PLATINUM")[level - 1],
                "icon": chance.choice(("", None, "/i.png")),
                "cover": chance.choice(("", None)),
                "detail": chance.choice(("", None, "满 100 减 5")),
                "money": f"{level * 100}.0{level}",
                "integral": level * 50,
                "growth": level * 5,
                "discount": ("10.00", "9.50", "8.88", "0.01")[level - 1],
                "status": 0 if level == 4 else 1,
                "created_at": now - 900 * DAY,
                "updated_at": now - 9 * DAY,
            }


def members(count: int, chance: random.Random, now: int, version: int) -> Iterator[Row]:
    """The administrator with id 1, and then so many, with gaps among their ids."""
    administrator = 10 if version == 2 else ADMINISTRATOR
    first = _person(1, chance, now) | {"type": administrator, "username": "admin", "status": 1}
    yield first | {"mobile": "13700000000", "email": "admin@example.com"}
    number, made = 1, list[Row]()
    for _ in range(count):
        number += 1 if chance.random() < 0.9 else chance.randrange(2, 40)
        row = _person(number, chance, now)
        if version == 3 and chance.random() < 0.04:
            row |= {"type": MERCHANT_USER, "merchant_id": chance.choice(MERCHANTS)}
        elif chance.random() < 0.003:
            row["type"] = administrator
        if made and chance.random() < 0.02:
            row |= _taken_from(chance.choice(made), chance)
        made.append(row)
        yield row


def _person(number: int, chance: random.Random, now: int) -> Row:
    pick = chance.choice
    created = now - chance.randrange(1, 1000 * DAY)
    password, cost = chance.choices(PASSWORDS, _HOW_OFTEN)[0]
    return {
        "id": number,
        "merchant_id": 0 if chance.random() < 0.8 else pick(MERCHANTS),
        "store_id": pick((0, None, 3)),
        "username": pick(("", f"u{number}", f"User_{number}", f"用户{number}")),
        "password_hash": "" if chance.random() < 0.05 else hash_of(password, cost),
        "auth_key": f"{number:032d}",
        "type": MEMBER,
        "realname": pick((None, "", "张三", "Émile Zola")),
        "nickname": pick(_NICKNAMES),
        "head_portrait": pick((None, "", f"https://img.example.com/{number}.png", "p" * 150)),
        "gender": pick((None, 0, 1, 2)),
        "qq": pick((None, "", "10001")),
        "email": pick((None, "", f"m{number}@example.com", f"M{number}@Example.com")),
        "birthday": pick((None, "0000-00-00", "1990-02-28", "2000-12-31", "1949-10-01")),
        "province_id": pick((None, 0, 330000)),
        "city_id": pick((None, 0, 330100)),
        "area_id": pick((None, 0, 330106)),
        "address": pick((None, "", "文三路 478 号\n2 楼")),
        "mobile": _mobile(number, chance),
        "tel_no": pick((None, "", "0571-88888888")),
        "bg_image": pick((None, "", "/bg.jpg")),
        "description": pick((None, "", "爱生活 💛")),
        "visit_count": pick((None, 0, 7, 65535)),
        "last_time": pick((None, 0, now - number % 9999)),
        "last_ip": pick((None, "", "203.0.113.9", "2001:db8::1")),
        "role": pick((None, 10)),
        "current_level": pick((1, 1, 1, 2, 3, 4, 9, None)),
        "level_expiration_time": pick((None, 0, now + DAY)),
        "level_buy_type": pick((None, 1, 2)),
        "pid": pick((None, 0, max(0, number - 3))),
        "level": pick((None, 1, 2, 255)),
        "tree": "tr_7 " * 390 if number % 97 == 0 else pick((None, "", f"tr_0 tr_{number} ")),
        "promoter_code": pick((None, "", f"P{number}")),
        "certification_type": pick((None, 0, 1)),
        "source": pick((None, "", "wechatMini")),
        "status": chance.choices((1, 0, -1), (90, 6, 4))[0],
        "created_at": pick((None, created)),
        "updated_at": pick((None, created + 5)),
    }


def _mobile(number: int, chance: random.Random) -> str | None:
    mainland = f"13{number:09d}"
    strange = ("+1 415 555 0100", "0571-88888888", "１３８００００００００", "无")
    spelled = (f"+86{mainland}", f"86{mainland}", f"{mainland[:3]} {mainland[3:7]} {mainland[7:]}")
    return chance.choices(
        (mainland, None, "", chance.choice(strange), chance.choice(spelled)), (70, 10, 17, 1, 2)
    )[0]


def _taken_from(other: Row, chance: random.Random) -> Row:
    """A name of somebody else, perhaps in another spelling; perhaps of another merchant."""
    name = chance.choice(("username", "mobile", "email"))
    value: str = other[name] or ""
    if name != "mobile" and chance.random() < 0.5:
        value = value.swapcase()
    return {name: value}


def account(number: int, member: Row, chance: random.Random) -> Row:
    """The books of a member: amounts and points, negative and none among them."""

    def money() -> str:
        return chance.choice((*_MONEY, f"{chance.randrange(-(10**6), 10**9) / 100:.2f}"))

    def points() -> int | None:
        return chance.choice((None, 0, 5, -7, 2**31 - 1, -(2**31), chance.randrange(10**6)))

    return _of(number, member, chance) | {
        "user_money": money(),
        "accumulate_money": money(),
        "give_money": chance.choice((None, money())),
        "consume_money": money(),
        "frozen_money": chance.choice((None, "0.00")),
        "user_integral": points(),
        "accumulate_integral": points(),
        "give_integral": points(),
        "consume_integral": chance.choice((None, money())),
        "frozen_integral": points(),
        "user_growth": points(),
        "accumulate_growth": points(),
        "consume_growth": points(),
        "frozen_growth": points(),
        "economize_money": money(),
        "accumulate_drawn_money": money(),
        "status": member["status"],
    }


def binding(number: int, member: Row, chance: random.Random, now: int) -> Row:
    """An account of a member elsewhere."""
    return _of(number, member, chance) | {
        "unionid": chance.choice((None, "", f"union-{number}")),
        "oauth_client": chance.choice(("wechatMp", "qq")),
        "oauth_client_user_id": f"openid-{number}",
        "gender": chance.choice((None, 1)),
        "nickname": chance.choice(_NICKNAMES),
        "head_portrait": chance.choice((None, "", "/h.png")),
        "birthday": chance.choice((None, "0000-00-00", "1990-02-28")),
        "country": chance.choice((None, "中国")),
        "province": chance.choice((None, "浙江")),
        "city": chance.choice((None, "杭州")),
        "is_addon": chance.choice((None, 0, 1)),
        "addon_name": chance.choice((None, "", "TinyShop")),
        "status": chance.choice((1, 0)),
        "created_at": now - number,
        "updated_at": chance.choice((None, now - number)),
    }


def _of(number: int, member: Row, chance: random.Random) -> Row:
    """What a row says of whose it is."""
    return {
        "id": number,
        "merchant_id": member["merchant_id"],
        "store_id": chance.choice((0, None)),
        "member_id": member["id"],
        "member_type": member["type"],
    }
