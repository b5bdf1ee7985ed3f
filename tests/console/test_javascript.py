"""The unit tests of the console's own modules run in node."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "console" / "js"
TEST_S = 60.0


@pytest.mark.slow
def test_the_unit_tests_of_the_modules_pass() -> None:
    files = sorted(str(path) for path in FOLDER.glob("*.test.js"))
    assert files
    done = subprocess.run(
        [hatch_build.find_node().node, "--test", *files],
        capture_output=True,
        text=True,
        timeout=TEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
