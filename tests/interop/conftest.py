"""An implementation by others, in an environment of its own, since it needs Python 3.12.

It is installed from the package index once, into build/interop. Where there is no such Python or it
cannot be installed, the tests are skipped, but not where `KEEPCLEAR_REQUIRE_INTEROP` is set: there they
fail. `KEEPCLEAR_INTEROP_PYTHON` names the Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

PACKAGES: Final = ("aics-tlog==0.2.1", "aics-witness==0.1.0")
INSTALL_TIMEOUT_S: Final = 120
ANSWER_TIMEOUT_S: Final = 60
HERE: Final = Path(__file__).parent
FOLDER: Final = HERE.parents[1] / "build" / "interop" / "-".join(PACKAGES).replace("==", "-")

Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Return what asks the other implementation: a name of a question, and what it needs."""
    python = FOLDER / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (FOLDER / "installed").exists():
        install(python)

    def asked(question: str, **needed: object) -> Any:
        done = subprocess.run(
            [python, HERE / "other.py", question],
            input=json.dumps(needed),
            capture_output=True,
            text=True,
            timeout=ANSWER_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return asked


def install(python: Path) -> None:
    """Install the packages; skip the test, or fail, where that is not possible."""
    source = next(
        filter(is_new_enough, (os.environ.get("KEEPCLEAR_INTEROP_PYTHON"), "python3.13", "python3.12")), None
    )
    if source is None:
        give_up("there is no Python 3.12 or later; name one with KEEPCLEAR_INTEROP_PYTHON")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "0")
    try:
        subprocess.run([source, "-m", "venv", "--clear", FOLDER], capture_output=True, text=True, check=True)
        subprocess.run(
            [*pip, *PACKAGES], capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=True
        )
    except subprocess.CalledProcessError as error:
        give_up(f"{' '.join(PACKAGES)} cannot be installed: {error.stderr.strip()[-500:]}")
    except subprocess.TimeoutExpired:
        give_up(f"{' '.join(PACKAGES)} was not installed within {INSTALL_TIMEOUT_S} s")
    (FOLDER / "installed").touch()


def is_new_enough(python: str | None) -> bool:
    """Tell whether this is a Python that runs and is new enough."""
    if not python or shutil.which(python) is None:
        return False
    code = "import sys; sys.exit(sys.version_info < (3, 12))"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


def give_up(reason: str) -> NoReturn:
    """Skip the test, or fail where it must not be skipped."""
    if os.environ.get("KEEPCLEAR_REQUIRE_INTEROP", "") not in {"", "0"}:
        pytest.fail(reason)
    pytest.skip(reason)
