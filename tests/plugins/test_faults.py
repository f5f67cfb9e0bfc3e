"""A plugin that cannot be used stops whatever needs it, with one line that names it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.plugins.conftest import beside
from tests.plugins.packages import put

WithPlugin = Callable[..., Desk]

_HOOK = "from denglu.plugins import Schema, hookimpl\n@hookimpl\n"
_TABLE = """
from pathlib import Path
from sqlalchemy import Column, Integer, MetaData, Table, delete, text
from denglu.plugins import Schema, hookimpl
from denglu.store import schema
metadata = MetaData()
table = Table({table!r}, metadata, Column("id", Integer, primary_key=True))
folder = Path(__file__).parent / "scripts"
folder.mkdir(exist_ok=True)
folder.joinpath({script!r}).touch()
@hookimpl
def denglu_schema():
    return Schema(metadata, folder, {{{statements}}}, {erase!r})
"""


def table_plugin(
    table: str = "try_a", script: str = "0001_a.py", statements: str = "", erase: str = ""
) -> str:
    return _TABLE.format(
        table=table, script=script, statements=statements, erase=(erase,) if erase else ()
    )


# What the plugin is, and what is said of it.
BROKEN = {
    "raises when it is imported": (
        "raise RuntimeError('no\\nluck')",
        "RuntimeError: no luck",
    ),
    "needs what is not installed": (
        "import nowhere_to_be_found",
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    ),
    "has a hook that there is not": (
        _HOOK + "def denglu_weather(): pass",
        "PluginValidationError: unknown hook 'denglu_weather'",
    ),
    "wants what a hook is not given": (
        _HOOK + "def denglu_commands(moon): pass",
        "PluginValidationError: ",
    ),
    "forgot the mark": (
        "def denglu_commands(): return []",
        "TypeError: denglu_commands is not marked",
    ),
    "has nothing": ("x = 1", "has no hook"),
    "ends the process": ("raise SystemExit('bye')", "SystemExit: bye"),
    "raises what is no Exception": (
        "class Gone(BaseException): ...\nraise Gone('\\x1b[31mfar')",
        "Gone: ?[31mfar",
    ),
    "has settings that are none": (
        _HOOK + "def denglu_settings(): return dict",
        "denglu_settings gives no subclass of settings.about.Section",
    ),
    "has a setting without its facts": (
        "from denglu.settings.about import Section\nclass Own(Section):\n    a: int = 1\n"
        + _HOOK
        + "def denglu_settings(): return Own",
        "ValueError: the setting a has no About",
    ),
    "has a table of ours": (table_plugin(table="member"), "a table member: it may have try_…"),
    "has a table with a name of its own": (table_plugin(table="a"), "a table a: it may have try_…"),
    "has columns that copies change": (
        table_plugin()
        .replace("Integer,", "Boolean, Integer,", 1)
        .replace("primary_key=True)", "primary_key=True), Column('b', Boolean)"),
        "try_a.b is no Integer, String or LargeBinary",
    ),
    "has a table without primary key": (
        table_plugin().replace(", primary_key=True", ""),
        "the table try_a has no primary key",
    ),
    "has no migrations": (table_plugin(script="first.py"), "no script such as 0001_first.py"),
    "changes our tables": (
        table_plugin(statements='"a": delete(schema.member)'),
        "the statement a changes member, which is not its own",
    ),
    "has text for a statement": (
        table_plugin(statements='"a": text("delete from member")'),
        "the statement a is no select, insert, update or delete",
    ),
    "erases with what there is not": (
        table_plugin(erase="gone"),
        "there is no delete or update gone, which is to erase",
    ),
    "erases with a question": (
        table_plugin(statements='"a": table.select()', erase="a"),
        "there is no delete or update a, which is to erase",
    ),
    "erases with what it is not given": (
        table_plugin(statements='"a": delete(table)', erase="a"),
        "the statement a erases, and takes p_member_id alone",
    ),
    "names one statement without a list": (
        table_plugin(statements='"a": delete(table)', erase="a").replace("('a',)", "'a'"),
        "erase is a text: a list of names is meant",
    ),
    "says no folder": (
        table_plugin().replace("(metadata, folder", "(metadata, None"),
        "TypeError: ",
    ),
    "names a gateway badly": (
        _HOOK + "def denglu_gateways(): return {'Loud One': print}",
        "denglu_gateways: 'try.Loud One' is no name such as try.sms",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_plugin_that_is_wrong_in_itself_stops_the_start_with_one_line(
    with_plugin: WithPlugin, what: str
) -> None:
    text, said = BROKEN[what]
    desk = with_plugin(text)
    line = desk.fault("serve", "--port", "0")
    assert line.startswith(f"plugin try: {said}"), line
    assert "denglu.db" not in {path.name for path in desk.folder.iterdir()}


def test_what_needs_no_settings_still_answers_and_shows_the_fault(with_plugin: WithPlugin) -> None:
    desk = with_plugin("raise RuntimeError('no luck')")
    assert desk.ok("--version").startswith("denglu ")
    said = desk.ok("--help")
    assert said.rstrip().endswith("plugin try: RuntimeError: no luck")
    assert "  serve " in said
    listed = desk.run("plugin", "list")
    assert (listed.returncode, listed.stderr) == (1, "")
    (line,) = [each for each in listed.stdout.splitlines() if each.startswith("try ")]
    assert line.split()[1] == "fault"
    assert line.endswith("RuntimeError: no luck")
    # A command that nobody knows may be the plugin's.
    assert desk.fault("weather") == "plugin try: RuntimeError: no luck"


def test_a_name_that_nobody_has_is_told_with_what_to_do(tmp_path: Path) -> None:
    said = "plugin moon: is not installed; `denglu plugin list` shows those that are"
    for words in (("serve",), ("member", "list"), ("moon", "rise")):
        assert Desk(tmp_path).fault(*words, plugins="moon") == said


def test_a_name_that_two_packages_have_is_nobodys(
    with_plugin: WithPlugin, tmp_path_factory: pytest.TempPathFactory
) -> None:
    desk = with_plugin(_HOOK + "def denglu_commands(): return []")
    other = put(tmp_path_factory.mktemp("other"), "try", "x = 1", module="another")
    desk.settings["PYTHONPATH"] += f":{other}"
    assert desk.fault("member", "list") == (
        "plugin try: is given twice, by another and plugin_try: uninstall one of them"
    )


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("denglu_routes(desk): 1 / 0", "ZeroDivisionError: division by zero"),
        ("denglu_routes(desk): return [1]", "denglu_routes gives no list of Routes"),
        (
            "denglu_routes(desk):\n    from denglu.api.routes import ROUTES\n    return ROUTES[:1]",
            "POST /v1/site/login is there already",
        ),
        (
            "denglu_routes(desk):\n    from denglu.api.routes import WATCHERS, replace\n"
            "    return [replace(WATCHERS[0], path='/v1/figures')]",
            "/v1/figures: the guard watcher is denglu's own",
        ),
        (
            "denglu_routes(desk):\n    from denglu.api.routes import ROUTES, replace\n"
            "    return [replace(ROUTES[0], path='/shop/v1/site/login')]",
            "POST /shop/v1/site/login is there already",
        ),
        (
            "denglu_routes(desk):\n    from denglu.api.routes import ROUTES, replace\n"
            "    return [replace(ROUTES[0], method='GET', path='/docs')]",
            "GET /docs is there already",
        ),
        (
            "denglu_routes(desk):\n    from denglu.api.routes import BACK_ENDS, Gives, replace\n"
            "    return [replace(BACK_ENDS[0], path='/v1/ask', gives=Gives.member)]",
            "/v1/ask: the guard back_end is denglu's own",
        ),
        (
            "denglu_routes(desk):\n    from denglu.api.routes import ROUTES, replace\n"
            "    return [replace(ROUTES[0], path='v1/site//x')]",
            "'v1/site//x' is no path such as /v1/try or /v1/try/{id}",
        ),
    ],
)
def test_a_hook_that_fails_while_the_server_is_wired_stops_the_start(
    with_plugin: WithPlugin, hook: str, said: str
) -> None:
    desk = with_plugin(f"{_HOOK}def {hook}")
    desk.settings["DENGLU_MOUNTS"] = "/shop"
    done = desk.run("serve", "--port", "0")
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert lines[-1] == f"denglu: plugin try: {said}"
    assert "Traceback" not in done.stderr
    assert desk.ok("member", "list", "--json") == "[]\n"


def test_a_worker_tells_its_parent_which_plugin_it_is(
    with_plugin: WithPlugin, postgres_url: str
) -> None:
    desk = with_plugin(f"{_HOOK}def denglu_routes(desk): 1 / 0")
    desk.settings |= {"DENGLU_DATABASE_URL": postgres_url, "DENGLU_SECRET_KEY": "k" * 43}
    desk.ok("migrate")
    done = desk.run("serve", "--port", "0", "--workers", "2")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == "denglu: plugin try: ZeroDivisionError: division by zero"


def test_what_is_there_already_is_not_replaced(
    with_plugin: WithPlugin, tmp_path_factory: pytest.TempPathFactory
) -> None:
    command = _HOOK + "def denglu_commands():\n    import click\n    return [click.Command({!r})]"
    desk = with_plugin(command.format("member"))
    assert desk.fault("plugin-of-mine") == "plugin try: the command member is there already"
    assert desk.run("plugin", "list").stdout.splitlines()[1].endswith("member is there already")

    section = (
        "from typing import Annotated\nfrom denglu.settings.about import Section, kind\n"
        "class Own(Section):\n    {}: Annotated[str, kind('x', 'y')] = ''\n"
        + _HOOK
        + "def denglu_settings(): return Own"
    )
    folder = tmp_path_factory.mktemp("sections")
    for name, field in (
        ("sms", "test_until"),
        ("secret", "key_file"),
        ("a", "b_c"),
        ("a-b", "c"),
    ):
        put(folder, name, section.format(field))
    desk = beside(desk, folder)
    assert desk.fault("member", "list", plugins="sms") == (
        "plugin sms: DENGLU_SMS_TEST_UNTIL is a setting of denglu"
    )
    assert desk.fault("member", "list", plugins="secret") == (
        "plugin secret: DENGLU_SECRET_KEY_FILE is a setting of denglu"
    )
    assert desk.fault("member", "list", plugins="a,a-b") == (
        "plugin a-b: DENGLU_A_B_C is a setting of a"
    )
    listed = desk.run("plugin", "list", plugins="a,a-b")
    assert [line.split()[1] for line in listed.stdout.splitlines()[1:3]] == ["on", "fault"]


_SCRIPT = "revision, down_revision = {!r}, None\ndef upgrade(): {}\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            _SCRIPT.format("abc", "pass"),
            "scripts up to 0001 are there, their last revision is ['abc']",
        ),
        (_SCRIPT.format("0001", "raise SystemExit(3)"), "SystemExit: 3"),
        ("def (", "SyntaxError: invalid syntax (0001_a.py, line 1)"),
    ],
)
def test_a_script_that_cannot_be_run_is_told_and_nothing_is_migrated(
    with_plugin: WithPlugin, script: str, said: str
) -> None:
    desk = with_plugin(table_plugin().replace(".touch()", f".write_text({script!r})"))
    assert desk.fault("migrate") == f"plugin try: cannot be migrated: {said}"
    assert "is not made yet" in desk.fault("migrate", "--check")


def test_a_script_that_is_not_named_like_one_is_told(with_plugin: WithPlugin) -> None:
    first, second = _SCRIPT.format("0001", "pass"), _SCRIPT.format("0002", "pass")
    second = second.replace("None", "'0001'")
    desk = with_plugin(
        table_plugin().replace(".touch()", f".write_text({first!r})")
        + f"folder.joinpath('0002-b.py').write_text({second!r})\n"
    )
    assert desk.fault("migrate").endswith(
        "scripts up to 0001 are there, their last revision is ['0002']"
    )


def test_two_plugins_do_not_share_a_table(
    with_plugin: WithPlugin, tmp_path_factory: pytest.TempPathFactory
) -> None:
    desk = with_plugin(_HOOK + "def denglu_commands(): return []")
    folder = tmp_path_factory.mktemp("shared")
    for name in ("my", "my-shop"):
        put(folder, name, table_plugin(table="my_shop_a"))
    desk = beside(desk, folder)
    assert desk.fault("migrate", plugins="my,my-shop") == (
        "plugin my-shop: the table my_shop_a is there already, of plugin my"
    )
