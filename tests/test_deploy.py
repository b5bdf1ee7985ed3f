"""What others deploy by is held against the command: every option is one, every file is there.

Nothing is built or started here; a container engine and systemd are not at hand where tests run.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from keepclear import cli

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
UNIT = (ROOT / "deploy" / "keepclear-dss.service").read_text(encoding="utf-8")
PORT = 8082


def instructions(kind: str) -> list[str]:
    """Return the arguments of all instructions of a kind of the Dockerfile."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{kind}\s+(.*)$", joined, re.MULTILINE)


def unit(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def in_image(key: str) -> list[str]:
    words: list[str] = json.loads(instructions(key)[-1])
    return words


STARTED = {
    "image": in_image("ENTRYPOINT") + in_image("CMD"),
    "unit": shlex.split(unit("ExecStart")[0]),
    **{
        name: in_image("ENTRYPOINT") + service["command"]
        for name, service in COMPOSE["services"].items()
        if name.startswith("dss")
    },
}


@pytest.mark.parametrize("name", STARTED)
def test_what_is_started_is_a_command_with_options_that_there_are(name: str) -> None:
    program, command, *arguments = STARTED[name]
    serve = cli.main.commands[command]

    told = serve.make_context(command, list(arguments)).params

    assert program == "keepclear"
    assert told["role"] == "dss"
    assert {"--listen", "--database", "--trust-key", "--audience"} <= set(arguments)


def test_the_ports_are_the_same_everywhere() -> None:
    assert instructions("EXPOSE") == [str(PORT)]
    assert f"http://127.0.0.1:{PORT}/healthy" in instructions("HEALTHCHECK")[0]
    for words in STARTED.values():
        assert words[words.index("--listen") + 1].endswith(f":{PORT}")
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert sorted(ports) == [f"127.0.0.1:8082:{PORT}", f"127.0.0.1:8083:{PORT}"]


def test_the_image_is_not_run_by_root_and_copies_what_is_there() -> None:
    assert instructions("USER") == ["10001"]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert ignored[0] == "*"
    assert [name for name in kept if not (ROOT / name).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = re.search(r"\$\{wheel\}\[([a-z,]+)\]", DOCKERFILE)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["project"]["optional-dependencies"])
    needed = {project["project"]["readme"], *project["project"]["license-files"], "hatch_build.py", "src"}
    assert needed <= set(kept)


def test_every_service_of_the_composition_has_what_it_waits_for_and_no_password_in_it() -> None:
    services, text = COMPOSE["services"], json.dumps(COMPOSE)
    for service in services.values():
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted == {"condition": "service_healthy"}
            assert "healthcheck" in services[other]
    assert len([name for name in services if name.startswith("dss")]) == 2
    assert set(re.findall(r"\w*PASSWORD\w*\": \"(.)", text)) == {"$"}
    database = services["dss-1"]["command"][services["dss-1"]["command"].index("--database") + 1]
    names = services["database"]["environment"]
    assert database == f"postgresql://{names['POSTGRES_USER']}@database:5432/{names['POSTGRES_DB']}"


def test_the_unit_gives_no_more_than_is_needed() -> None:
    for key in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert unit(key) == ["yes"], key
    assert unit("ProtectSystem") == ["strict"]
    assert unit("CapabilityBoundingSet") == [""]
    (state,) = unit("StateDirectory")
    assert f"sqlite:%S/{state}/" in unit("ExecStart")[0]  # the only place that it may write to
    (credential,) = unit("LoadCredential")
    assert f"%d/{credential.partition(':')[0]}" in unit("ExecStart")[0]
    sections = re.findall(r"^\[(\w+)\]$", UNIT, re.MULTILINE)
    assert sections == ["Unit", "Service", "Install"]
