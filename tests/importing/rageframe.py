"""RageFrame's database as an import finds it: its tables, and rows put into them past any PHP.

The columns are those of version 3, and of version 2 where that differs; nothing is unique but
ids and tokens, and nearly everything may be NULL.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.servers.mariadb import MariadbServer
from tests.servers.process import HOST
from tests.servers.shell import Shell

Rows = Iterable[Mapping[str, object]]

_V3 = {
    "member": """
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        merchant_id INT DEFAULT 0, store_id INT,
        username VARCHAR(20) NOT NULL DEFAULT '',
        password_hash VARCHAR(150) NOT NULL DEFAULT '', auth_key VARCHAR(32) NOT NULL DEFAULT '',
        password_reset_token VARCHAR(150), mobile_reset_token VARCHAR(150),
        type TINYINT DEFAULT 1,
        realname VARCHAR(50), nickname VARCHAR(60), head_portrait CHAR(150),
        gender TINYINT UNSIGNED, qq VARCHAR(20), email VARCHAR(60), birthday DATE,
        province_id INT, city_id INT, area_id INT, address VARCHAR(100),
        mobile VARCHAR(20), tel_no VARCHAR(20), bg_image VARCHAR(200), description VARCHAR(200),
        visit_count SMALLINT UNSIGNED, last_time INT, last_ip VARCHAR(40),
        role SMALLINT DEFAULT 10, current_level TINYINT DEFAULT 1,
        level_expiration_time INT, level_buy_type TINYINT DEFAULT 1,
        pid INT UNSIGNED, level TINYINT UNSIGNED DEFAULT 1, tree VARCHAR(2000),
        promoter_code VARCHAR(50), certification_type TINYINT, source VARCHAR(50),
        status TINYINT DEFAULT 1, created_at INT UNSIGNED, updated_at INT UNSIGNED
    """,
    "member_account": """
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        merchant_id INT, store_id INT, member_id INT, member_type TINYINT,
        user_money DECIMAL(10, 2), accumulate_money DECIMAL(10, 2), give_money DECIMAL(10, 2),
        consume_money DECIMAL(10, 2), frozen_money DECIMAL(10, 2),
        user_integral INT, accumulate_integral INT, give_integral INT,
        consume_integral DECIMAL(10, 2), frozen_integral INT,
        user_growth INT, accumulate_growth INT, consume_growth INT, frozen_growth INT,
        economize_money DECIMAL(10, 2), accumulate_drawn_money DECIMAL(10, 2),
        status TINYINT, KEY member_id (member_id)
    """,
    "member_level": """
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        merchant_id INT, store_id INT, level INT,
        name VARCHAR(255), icon VARCHAR(255), cover VARCHAR(255), detail VARCHAR(255),
        money DECIMAL(10, 2), integral INT, growth INT, discount DECIMAL(10, 2) DEFAULT 10.00,
        status TINYINT, created_at INT UNSIGNED, updated_at INT UNSIGNED
    """,
    "member_auth": """
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        merchant_id INT, store_id INT, member_id INT, member_type TINYINT,
        unionid VARCHAR(64), oauth_client VARCHAR(20), oauth_client_user_id VARCHAR(100),
        gender TINYINT UNSIGNED, nickname VARCHAR(100), head_portrait VARCHAR(200), birthday DATE,
        country VARCHAR(100), province VARCHAR(100), city VARCHAR(100),
        is_addon TINYINT UNSIGNED, addon_name VARCHAR(200),
        status TINYINT, created_at INT UNSIGNED, updated_at INT UNSIGNED
    """,
    "api_access_token": """
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        merchant_id INT, store_id INT,
        refresh_token VARCHAR(60), access_token VARCHAR(60), member_id INT, member_type TINYINT,
        `group` VARCHAR(100), status TINYINT, created_at INT UNSIGNED, updated_at INT UNSIGNED,
        UNIQUE KEY access_token (access_token), UNIQUE KEY refresh_token (refresh_token)
    """,
    "merchant": """
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        title VARCHAR(200), cover CHAR(150), address_name VARCHAR(200),
        address_details VARCHAR(100), collect_num INT,
        status TINYINT, created_at INT UNSIGNED, updated_at INT UNSIGNED
    """,
}
# Version 2: what a definition of version 3 is replaced by; nothing where it has no such column.
_V2: dict[str, dict[str, str]] = {
    "member": {
        "store_id INT,": "",
        "mobile_reset_token VARCHAR(150),": "",
        "tel_no VARCHAR(20), bg_image VARCHAR(200), description VARCHAR(200),": (
            "home_phone VARCHAR(20),"
        ),
        "level_expiration_time INT, level_buy_type TINYINT DEFAULT 1,": "",
        "promoter_code VARCHAR(50), certification_type TINYINT, source VARCHAR(50),": (
            "promo_code VARCHAR(50),"
        ),
    },
    "member_account": {
        "store_id INT,": "",
        "member_type TINYINT,": "",
        "user_growth INT, accumulate_growth INT, consume_growth INT, frozen_growth INT,": "",
        "economize_money DECIMAL(10, 2), accumulate_drawn_money DECIMAL(10, 2),": "",
    },
    "member_level": {
        "store_id INT,": "",
        "icon VARCHAR(255), cover VARCHAR(255),": "",
        "growth INT,": "check_money TINYINT, check_integral TINYINT, middle TINYINT,",
    },
    "member_auth": {
        "store_id INT,": "",
        "member_type TINYINT,": "",
        "is_addon TINYINT UNSIGNED, addon_name VARCHAR(200),": "",
    },
    "api_access_token": {
        "store_id INT,": "",
        "member_type TINYINT,": "openid VARCHAR(50),",
    },
}
# The same thing under another name.
_OLD_NAMES = {"promoter_code": "promo_code", "tel_no": "home_phone"}


def definition(table: str, version: int) -> str:
    """The columns and indexes of a table."""
    text = " ".join(_V3[table].split())
    for new, old in _V2.get(table, {}).items() if version == 2 else ():
        assert text.count(new) == 1, (table, new)
        text = text.replace(new, old)
    return text


@cache
def knows(table: str, version: int, name: str) -> bool:
    """Whether a version has a column, which is named as version 3 names it."""
    name = _OLD_NAMES.get(name, name) if version == 2 else name
    return re.search(rf"\b{name}\b", definition(table, version)) is not None


@dataclass
class Rageframe:
    """One of its databases. ``sql`` runs a statement in it."""

    server: MariadbServer
    url: str
    sql: Shell
    version: int = 3
    prefix: str = "rf_"

    def create(self, *, without: Iterable[str] = ()) -> None:
        """Make the tables, but those ``without``."""
        for table in _V3.keys() - set(without):
            collation = "_bin" if table == "member_level" else "_unicode_ci"
            self.sql(
                f"CREATE TABLE {self.prefix}{table} ({definition(table, self.version)}) "
                f"ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4{collation}"
            )

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns."""
        found = self.sql(f"SHOW COLUMNS FROM {self.prefix}{table}")
        return [str(row[0]) for row in found]

    def fill(self, table: str, rows: Rows) -> None:
        """Add rows, all of the same columns, which are named as version 3 names them; what they
        do not say gets its default, and what this version has no column for is passed over.
        """
        rows = list(rows)
        if not rows:
            return
        here = {name: self._name(name) for name in rows[0]}
        has = self.columns(table)
        kept = [name for name in here if here[name] in has]
        lines = ["\t".join(_field(row[name]) for name in kept) + "\n" for row in rows]
        path = self.server.folder / f"{table}.tsv"
        path.write_text("".join(lines), "utf-8")
        columns = ", ".join(f"`{here[name]}`" for name in kept)
        self._client(
            f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {self.prefix}{table} "
            f"CHARACTER SET utf8mb4 ({columns})"
        )
        path.unlink()

    def _name(self, name: str) -> str:
        return _OLD_NAMES.get(name, name) if self.version == 2 else name

    def _client(self, statement: str) -> None:
        words = ["--no-defaults", f"--host={HOST}", f"--port={self.server.port}", "--user=root"]
        words += ["--skip-ssl", "--local-infile=1", f"--database={self.url.rpartition('/')[2]}"]
        self.server.run(self.server.program["mariadb"], *words, "--execute", statement)


def _field(value: Any) -> str:
    """As LOAD DATA reads it."""
    if value is None:
        return "\\N"
    text = str(value).replace("\\", "\\\\")
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
