"""What the settings with a grammar of their own take, and how they depend on each other."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from denglu.domain.groups import Group
from denglu.domain.limits import Rate
from denglu.settings import Settings
from tests.settings_loading import fault, load


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("oracle://db/x", "is no database"),
        ("mysql+asyncmy://db/x", "is no database"),
        ("denglu.db", "is no database"),
        ("postgresql:/db/x", "is no database"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://denglu.db", "names no file"),
        ("sqlite:///x.db?mode=ro", "without ? and #"),
        ("postgresql:///shop", "names no host: write postgresql://user:password@host/database"),
        ("mysql://:3306/shop", "names no host: write mysql://user:password@host/database"),
        ("postgresql://db", "names no database"),
        ("mysql://db/", "names no database"),
        ("postgresql://db/a/b", "names no database"),
        ("postgresql://db:x/a", "a port that is none"),
        ("postgresql://db:0/a", "a port that is none"),
        ("postgresql://db:70000/a", "a port that is none"),
        ("postgresql://a:1,b:x/shop", "a port that is none"),
        ("mysql://a:1,b:2/shop", "a port that is none"),
    ],
)
def test_a_database_that_cannot_be_meant_is_refused_in_plain_words(
    tmp_path: Path, url: str, why: str
) -> None:
    assert why in fault(tmp_path, DATABASE_URL=url)


@pytest.mark.parametrize(
    ("url", "kind", "spelling"),
    [
        ("postgresql://db/shop", "postgresql", None),
        ("postgres://u:p@db:5433/shop", "postgresql", "postgresql://u:p@db:5433/shop"),
        ("mysql://u@db/shop", "mysql", None),
        ("mariadb://u:p%40ss%2F%3F%23@db/shop", "mysql", "mysql://u:p%40ss%2F%3F%23@db/shop"),
        ("postgresql://u@[2001:db8::1]:5432/shop", "postgresql", None),
        ("postgresql://a:5432,b:5433/shop?target_session_attrs=primary", "postgresql", None),
        ("postgresql:///shop?host=/run/postgresql", "postgresql", None),
        ("mysql://u:p@/shop?unix_socket=/run/mysqld/mysqld.sock", "mysql", None),
    ],
)
def test_a_network_database_has_one_spelling(
    tmp_path: Path, url: str, kind: str, spelling: str | None
) -> None:
    settings = load(tmp_path, DATABASE_URL=url)
    assert (settings.database_kind, settings.database_url) == (kind, spelling or url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:canary/x@db/shop",
        "postgresql://u:1/canary@db",
        "postgresql://u:1?canary@db/shop",
        "postgresql://u:1#canary@db/shop",
        "mysql://u:canary@db/shop/x",
        "mysql://u:canary",
        "mysql://u:canary/shop",
        "mysql://u:canary@db:x/shop",
        "postgresql://db:x/shop?password=canary",
    ],
)
def test_a_slip_of_the_pen_in_a_database_never_shows_its_password(tmp_path: Path, url: str) -> None:
    line = fault(tmp_path, DATABASE_URL=url)
    assert "canary" not in line
    assert line.startswith(f"DENGLU_DATABASE_URL={url.partition('://')[0]}://")


def test_the_listing_shows_where_a_database_is_and_not_who_may_in(tmp_path: Path) -> None:
    for url, expected in [
        ("postgresql://canary:canary@db:5432/shop?sslmode=require", "***@db:5432/shop?***"),
        ("postgresql://db:5432/shop", "db:5432/shop"),
        ("postgresql://[2001:db8::1]:5432/shop", "[2001:db8::1]:5432/shop"),
        ("postgresql://a:5432,b:5433/shop", "a:5432,b:5433/shop"),
    ]:
        settings = load(tmp_path, DATABASE_URL=url)
        listing = {item.variable: item.value for item in settings.effective()}
        assert listing["DENGLU_DATABASE_URL"] == f"postgresql://{expected}"
        assert "canary" not in repr(settings)


def test_a_database_may_be_named_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgres://u:canary@db/shop\n", "utf-8")
    settings = load(tmp_path, DATABASE_URL_FILE="url")
    assert settings.database_url == "postgresql://u:canary@db/shop"
    assert settings.source_of("database_url") == "file url"
    (tmp_path / "url").write_text("postgres://u:canary@/shop\n", "utf-8")
    assert "canary" not in fault(tmp_path, DATABASE_URL_FILE="url")


def test_nobody_waits_for_a_connection_longer_than_for_the_transaction(tmp_path: Path) -> None:
    for name in ("DATABASE_CONNECT_TIMEOUT", "DATABASE_POOL_TIMEOUT"):
        assert getattr(load(tmp_path, **{name: "3"}), name.lower()) == 3
        line = fault(tmp_path, **{name: "3.1"})
        assert line.startswith(f"DENGLU_{name}=3.1 (from the environment) beside ")
        assert "DENGLU_DATABASE_STATEMENT_TIMEOUT=3 (from default)" in line


def test_the_database_lies_in_the_working_directory_unless_the_path_is_whole(
    tmp_path: Path,
) -> None:
    assert load(tmp_path).database_path == tmp_path / "denglu.db"
    there = load(tmp_path, DATABASE_URL="sqlite:////srv/denglu/a.db")
    assert there.database_path == Path("/srv/denglu/a.db")
    assert there.key_path == Path("/srv/denglu/a.db.key")


def test_paths_count_from_the_working_directory(tmp_path: Path) -> None:
    settings = load(tmp_path, SMS_GATEWAYS="outbox", SMS_OUTBOX="out/box", TEST_CLOCK_FILE="/c")
    assert settings.sms_outbox == tmp_path / "out" / "box"
    assert settings.test_clock_file == Path("/c")


def test_mounts_have_one_form(tmp_path: Path) -> None:
    settings = load(tmp_path, MOUNTS="api, /api/tiny-shop/,/api/,tiny-shop")
    assert settings.mounts == ("/api", "/api/tiny-shop", "/tiny-shop")
    for bad in ("/", "/a//b", "/a/../b", "/a?b", "/中", "/a%2Fb", "/a\nb"):
        assert "DENGLU_MOUNTS" in fault(tmp_path, MOUNTS=bad)


def test_groups_are_added_and_the_thirteen_may_allow_more_sessions(tmp_path: Path) -> None:
    expected = (Group("kiosk", "自助机", 3), Group("tv", "电视", 1), Group("pc", "PC", 2))
    assert load(tmp_path, GROUPS="kiosk:自助机:3,tv:电视,pc::2").groups == expected
    (tmp_path / "denglu.toml").write_text(
        '[groups.kiosk]\nlabel = "自助机"\nsessions = 3\n'
        '[groups.tv]\nlabel = "电视"\n[groups.pc]\nsessions = 2\n',
        "utf-8",
    )
    assert load(tmp_path).groups == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ios:苹果", "exists as 'iOS'"),
        ("tv:电视,TV:电视", "exists as 'tv'"),
        ("tv:a,tv:b", "twice"),
        ("tv:电视:0", "1 … 100 sessions"),
        ("tv:电视:101", "1 … 100 sessions"),
        ("tv:电视:x", "no number"),
        ("1tv", "no group"),
        ("tv:a:1:b", "no group"),
    ],
)
def test_a_group_that_could_be_mistaken_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in fault(tmp_path, GROUPS=text)


def test_an_alias_leads_to_a_group_that_exists(tmp_path: Path) -> None:
    settings = load(tmp_path, WIRE="rageframe", GROUPS="tv:电视", GROUP_ALIASES="box:tv,web:h5")
    assert dict(settings.group_aliases) == {"box": "tv", "web": "h5"}
    assert "no group radio" in fault(tmp_path, WIRE="rageframe", GROUP_ALIASES="box:radio")
    assert "twice" in fault(tmp_path, GROUP_ALIASES="box:h5,BOX:pc")
    assert "is no alias" in fault(tmp_path, GROUP_ALIASES="box")


def test_trusted_proxies_are_addresses_and_networks(tmp_path: Path) -> None:
    text = "127.0.0.1, 10.0.0.0/8,::1,2001:0db8::/32,::ffff:10.1.1.1"
    assert load(tmp_path, TRUSTED_PROXIES=text).trusted_proxies == tuple(
        ip_network(n) for n in ("127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "10.1.1.1")
    )
    assert "do you mean 10.0.0.0/8?" in fault(tmp_path, TRUSTED_PROXIES="10.0.0.1/8")
    assert "everybody" in fault(tmp_path, TRUSTED_PROXIES="0.0.0.0/0")
    assert "everybody" in fault(tmp_path, TRUSTED_PROXIES="::/0")
    assert "neither" in fault(tmp_path, TRUSTED_PROXIES="nginx")


def test_cors_origins_are_exact(tmp_path: Path) -> None:
    text = "https://Shop.example:443,http://localhost:5173/,capacitor://localhost"
    assert load(tmp_path, CORS_ORIGINS=text).cors_origins == (
        "https://shop.example",
        "http://localhost:5173",
        "capacitor://localhost",
    )
    for bad in (
        "shop.example",
        "https://shop.example/a",
        "null",
        "https://*.example",
        "https://a:0",
    ):
        assert "is no origin" in (line := fault(tmp_path, CORS_ORIGINS=bad)) or "port" in line
    assert "only in the rageframe profile" in fault(tmp_path, CORS_ORIGINS="*")
    assert "* alone" in fault(tmp_path, WIRE="rageframe", CORS_ORIGINS="*,https://a.example")


def test_gateways_and_plugins_that_there_are_not(tmp_path: Path) -> None:
    assert "'fax' is no gateway" in fault(tmp_path, SMS_GATEWAYS="fax")
    assert "no plugin of DENGLU_PLUGINS has it" in fault(tmp_path, SMS_GATEWAYS="a.fax")
    assert "no plugin of DENGLU_PLUGINS has it" in fault(tmp_path, CAPTCHA="a.quiz")
    for bad in ("a.", ".b", "a.b.c", "A.b", "a-.b", "a" * 10 + "." + "b" * 10):
        assert "is no gateway" in fault(tmp_path, SMS_GATEWAYS=bad)
        assert "is no captcha" in fault(tmp_path, CAPTCHA=bad)
    assert load(tmp_path, PLUGINS="merchant, a-b").plugins == ("merchant", "a-b")
    for bad in ("Merchant", "a_b", "a--b", "-a", "1a", "a.b", "a" * 33):
        assert f"{bad!r} is no name of" in fault(tmp_path, PLUGINS=bad)
    assert "needs the path" in fault(tmp_path, SMS_GATEWAYS="console,outbox")
    with pytest.raises(ValidationError):
        Settings(sms_gateways=())


def test_the_wording_of_an_sms_can_be_changed_but_not_broken(tmp_path: Path) -> None:
    assert load(tmp_path, SMS_TEXT="{code}，勿告诉他人").sms_text == "{code}，勿告诉他人"
    for bad in (
        "no code",
        "{code} {name}",
        "{code!r}",
        "{code",
        "{{code}}",
        "{code:>9}",
        "a\n{code}",
    ):
        assert "DENGLU_SMS_TEXT" in fault(tmp_path, SMS_TEXT=bad)
    for bad in ("【x】", "{code}", "x" * 17, "a\tb"):
        assert "DENGLU_SMS_PRODUCT_NAME" in fault(tmp_path, SMS_PRODUCT_NAME=bad)


def test_four_digits_are_for_the_rageframe_profile_with_its_limits(tmp_path: Path) -> None:
    assert "rageframe" in fault(
        tmp_path, SMS_CODE_LENGTH="4", SMS_CODE_TRIES="3", CODE_NUMBER_RATES="6/24h"
    )
    assert "6 … 8, and 4" in fault(tmp_path, WIRE="rageframe", SMS_CODE_LENGTH="5")
    assert "1 … 3 with 4" in fault(tmp_path, WIRE="rageframe", SMS_CODE_TRIES="4")
    assert "6/24h or less" in fault(tmp_path, WIRE="rageframe", CODE_NUMBER_RATES="7/24h")
    six = load(tmp_path, WIRE="rageframe", SMS_CODE_LENGTH="6", SMS_CODE_TRIES="5")
    assert (six.sms_code_length, six.sms_code_tries) == (6, 5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("20/24h,5/1h", None),
        ("1/1h", "together 1 … 20 a day"),
        ("21/24h", "together 1 … 20 a day"),
        ("5/2d", "further than 24h"),
        ("5", "is no rate"),
        ("0/1h", "is no rate"),
        (",", "names no rate"),
    ],
)
def test_a_rate_may_not_let_through_more_than_its_ceiling_a_day(
    tmp_path: Path, text: str, why: str | None
) -> None:
    if why is None:
        expected = (Rate(20, 86400), Rate(5, 3600))
        assert load(tmp_path, CODE_NUMBER_RATES=text).code_number_rates == expected
    else:
        assert why in fault(tmp_path, CODE_NUMBER_RATES=text)


def test_lockouts_rise_between_a_minute_and_a_day(tmp_path: Path) -> None:
    assert load(tmp_path, LOGIN_ACCOUNT_LOCKOUTS="60,5m,1h").login_account_lockouts == (
        60,
        300,
        3600,
    )
    for bad in ("59s", "59s,1h", "25h", "1h,25h", "1h,5m", "soon", ","):
        assert "DENGLU_LOGIN_ACCOUNT_LOCKOUTS" in fault(tmp_path, LOGIN_ACCOUNT_LOCKOUTS=bad)


def test_lives_fit_into_each_other(tmp_path: Path) -> None:
    assert "idle cannot outlast" in fault(
        tmp_path, REFRESH_IDLE="7776000", REFRESH_ABSOLUTE="86400"
    )
    assert "under its own token" in fault(tmp_path, ACCESS_TTL="7200", REFRESH_IDLE="3600")
    assert "cannot take longer" in fault(tmp_path, SMS_TIMEOUT="3")


def test_one_pass_of_argon2_needs_more_memory(tmp_path: Path) -> None:
    assert "OWASP minimum" in fault(tmp_path, ARGON2_TIME="1")
    assert load(tmp_path, ARGON2_TIME="1", ARGON2_MEMORY_KIB="47104").argon2_time == 1
