"""A browser for the tests of the console: the Chromium of the machine, driven by Playwright.

Playwright's own browsers are not downloaded. `KEEPCLEAR_CHROMIUM` names another executable. Without one
the tests are skipped, but not where `CI` or `KEEPCLEAR_REQUIRE_BROWSER` is set: there they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

import hatch_build

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",  # in a container we are often root
    "--disable-gpu",
    "--disable-3d-apis",  # the map must do without WebGL
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Return the executable that the settings name, or the first on the PATH."""
    named = os.environ.get("KEEPCLEAR_CHROMIUM")
    candidates = [named] if named else CHROMIUM_NAMES
    return next((path for name in candidates if (path := shutil.which(name)) is not None), None)


def is_browser_required() -> bool:
    """Tell whether a machine without Chromium is a fault."""
    return any(os.environ.get(name, "") not in {"", "0"} for name in ("CI", "KEEPCLEAR_REQUIRE_BROWSER"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once; each test makes its own context, and so has no cookies of another."""
    executable = find_chromium()
    if executable is None:
        message = "no Chromium: apt-get install chromium, or name an executable in KEEPCLEAR_CHROMIUM"
        if is_browser_required():
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=[*CHROMIUM_ARGUMENTS])
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe-core, for `page.evaluate`: a script element would be against our policy."""
    path = hatch_build.dev_modules() / "axe-core" / "axe.min.js"
    return path.read_text(encoding="utf-8")
