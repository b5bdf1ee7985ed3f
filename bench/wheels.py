"""Wheels that only the benchmarks read: each installed alone, with hashes, into a folder under build/.

See docs/adr/0019-a-peer-of-the-benchmarks-without-its-dependencies.md.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

INSTALL_TIMEOUT_S: Final = 120.0


class UnavailableError(Exception):
    """What a benchmark wants to read cannot be installed or loaded here."""


def install(folder: Path, requirements: Path) -> None:
    """Install a wheel alone; what was half done is never taken for whole.

    Args:
        folder: Where to; what is there is replaced.
        requirements: The file that names it, with its hashes.

    Raises:
        UnavailableError: It has no wheel for this Python, or cannot be fetched.
    """
    half = folder.with_name(folder.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "0")
    wheel = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(requirements))
    try:
        subprocess.run(
            [*pip, *wheel, "--target", str(half)],
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"it cannot be installed: {error.stderr.strip()[-200:]}") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"it was not installed within {INSTALL_TIMEOUT_S:.0f} s") from error
    shutil.rmtree(folder, ignore_errors=True)  # of another Python
    half.rename(folder)
