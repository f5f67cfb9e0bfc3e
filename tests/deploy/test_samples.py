"""The samples in deploy/ that cannot be run here, held to what denglu is."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from denglu.api.routes import HEALTH
from denglu.cli.entry import denglu
from denglu.serving.workers import _PATIENCE
from denglu.settings import Settings, check_binding, load_settings
from denglu.settings.model import PREFIX, about, variable
from tests.deploy.nginx_sample import DEPLOY

ROOT = DEPLOY.parent
UNITS = sorted(
    path for path in (DEPLOY / "systemd").iterdir() if path.suffix in (".service", ".timer")
)
# The grace of requests in flight, and the parent's patience with its workers after it.
FAREWELL = Settings().shutdown_grace + _PATIENCE


def texts() -> Iterator[tuple[str, str]]:
    """Every file of deploy/, and the page about them."""
    for path in (*DEPLOY.rglob("*"), ROOT / "docs/deploying.md"):
        if path.is_file():
            yield str(path.relative_to(ROOT)), path.read_text("utf-8")


@pytest.mark.parametrize(("name", "text"), [pytest.param(*each, id=each[0]) for each in texts()])
def test_every_setting_in_a_sample_exists(name: str, text: str) -> None:
    fields = Settings.model_fields
    known = {variable(field) for field in fields}
    known |= {f"{variable(field)}_FILE" for field in fields if about(field).filed}
    named = set(re.findall(rf"{PREFIX}[A-Z0-9_]+", text))
    assert named <= known | {f"{PREFIX}CONFIG"}


def takes(words: list[str]) -> None:
    """Hold a command line to what the CLI takes."""
    command = denglu.commands[words[0]]
    command.make_context(words[0], words[1:])


def manifests(name: str) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text("utf-8")))


def manifest(name: str, kind: str) -> dict[str, Any]:
    """The one of this kind."""
    [found] = [each for each in manifests(name) if each["kind"] == kind]
    return found


def seconds(text: str) -> float:
    """``45s`` and ``45`` as 45."""
    return float(text.removesuffix("s"))


# systemd


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with a program and a user that exist here."""
    copies = []
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/denglu/bin/denglu", sys.executable)
        copy = tmp_path / unit.name.replace("@.", "@8001.")
        copy.write_text(re.sub(r"(?m)^User=denglu$", "User=root", text))
        copies.append(copy)
    return copies


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_takes_the_units(units: list[Path]) -> None:
    assert [unit.name for unit in units] == [
        "denglu-backup.service",
        "denglu-backup.timer",
        "denglu.service",
        "denglu@8001.service",
    ]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_run_what_denglu_has_and_wait_for_its_farewell(unit: Path) -> None:
    lines = unit.read_text("utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if re.match(r"[A-Z]\w+=", line)]
    for name, value in pairs:
        if name.startswith("Exec"):
            program, *words = value.replace("%i", "8001").split()
            assert program == "/opt/denglu/bin/denglu"
            takes(words)
        if name == "TimeoutStopSec":
            assert seconds(value) > FAREWELL


# Docker


def test_the_image_is_made_of_what_is_there() -> None:
    text = (DEPLOY / "docker/Dockerfile").read_text("utf-8").replace("\\\n", " ")
    ignored = (DEPLOY / "docker/Dockerfile.dockerignore").read_text("utf-8").splitlines()
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line[:1].isupper()]
    for name, rest in steps:
        if name == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source.partition('/')[0]}" in ignored
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    [lock] = re.findall(r"--requirement (\S+)", text)
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / lock).read_text("utf-8")))
    extras = (project["optional-dependencies"][name] for name in ("postgresql", "mysql", "redis"))
    wanted = {re.split(r"[\[<>=]", text)[0] for extra in extras for text in extra}
    assert wanted <= locked
    final = dict(steps)  # what comes last holds
    assert final["USER"].split(":")[0].isdigit()
    assert final["FROM"].startswith("python:3.13-")
    [entry], command = yaml.safe_load(final["ENTRYPOINT"]), yaml.safe_load(final["CMD"])
    assert entry == "denglu"
    assert final["EXPOSE"] == command[-1]
    takes(command)


def test_compose_fits_together() -> None:
    [compose] = manifests("docker/compose.yaml")
    services = compose["services"]
    server = services["denglu"]
    takes(server["command"])
    takes(services["migrate"]["command"])
    assert seconds(server["stop_grace_period"]) > FAREWELL
    assert "denglu:8000 " in (DEPLOY / "docker/servers.conf").read_text("utf-8")
    for service in services.values():
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        assert set(service.get("depends_on", ())) <= set(services)
    for volume in services["nginx"]["volumes"]:
        source = DEPLOY / "docker" / volume.partition(":")[0]
        assert source.exists() or source.name == "tls"
    [network] = compose["networks"]["default"]["ipam"]["config"]
    assert server["environment"]["DENGLU_TRUSTED_PROXIES"] == network["subnet"]
    _serves_everybody(server["environment"], "/run/secrets/", server["secrets"])


def _serves_everybody(environ: dict[str, str], folder: str, files: list[str]) -> None:
    """A server with these variables starts on every address; secrets come from files."""
    given = dict(environ)
    assert {given.pop(name) for name in environ if name.endswith("_FILE")} == {
        f"{folder}{file}" for file in files
    }
    given["DENGLU_SECRET_KEY"] = "s" * 32
    given["DENGLU_DATABASE_URL"] = "postgresql://denglu@postgres/denglu"
    settings = load_settings(given, Path("/nowhere"))
    assert check_binding(settings, "0.0.0.0") == []


# Kubernetes


def test_the_deployment_fits_together() -> None:
    name = "kubernetes/denglu.yaml"
    deployment = manifest(name, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert manifest(name, "Service")["spec"]["selector"] == labels
    budget = manifest(name, "PodDisruptionBudget")["spec"]
    assert budget["selector"]["matchLabels"] == labels
    assert budget["minAvailable"] < deployment["spec"]["replicas"]
    pod = deployment["spec"]["template"]["spec"]
    [server] = pod["containers"]
    takes(server["args"])
    [port] = server["ports"]
    assert str(port["containerPort"]) in server["args"]
    assert manifest(name, "Service")["spec"]["ports"][0]["targetPort"] == port["name"]
    paths = {route.path for route in HEALTH}
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        assert server[probe]["httpGet"]["path"] in paths
        assert server[probe]["httpGet"]["port"] == port["name"]
    assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"
    pause = float(server["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + FAREWELL
    settings = manifest(name, "ConfigMap")
    assert server["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
    _serves_everybody(settings["data"], "/run/secrets/denglu/", ["database-url", "secret-key"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("kubernetes/denglu.yaml", "Deployment"), ("kubernetes/migrate.yaml", "Job")],
)
def test_pods_have_no_rights_and_find_their_secrets(name: str, kind: str) -> None:
    pod = manifest(name, kind)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert not pod["automountServiceAccountToken"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    [container] = pod["containers"]
    takes(container["args"])
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    assert "/run/secrets/denglu" in {mount["mountPath"] for mount in container["volumeMounts"]}
