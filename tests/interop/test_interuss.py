"""How InterUSS's suites are run, with tools and a service that are invented: the codes that come of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import pytest

from tests.interop import interuss

AUTH = """#!/bin/sh
mkdir -p "$INTERUSS_HOME/auth" && cd "$INTERUSS_HOME/auth"
echo key > public.pem
echo ok > healthy
exec "$PYTHON" -m http.server --bind 127.0.0.1 "$AUTH_PORT" 2>/dev/null
"""


class FakeService:
    """A service that is told what it was started with."""

    started: ClassVar[list[tuple[str, str]]] = []
    port = 9

    def __init__(self, database: str, trusted: Path, folder: Path, audiences: tuple[str, ...]) -> None:
        assert folder.is_dir()
        assert audiences == ("127.0.0.1", "localhost")
        FakeService.started.append((database, trusted.read_text(encoding="utf-8").strip()))

    def wait_ready(self) -> float:
        return 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        FakeService.started.append(("ended", ""))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make tools whose suites all pass, for any Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    told = 'echo "$PARTS $1"; echo "$PARTS $1" > "$INTERUSS_HOME/asked"\n'
    for name, text in {
        "setup.sh": "#!/bin/sh\n",
        "auth.sh": AUTH,
        "dss_probe.sh": f"#!/bin/sh\n{told}",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("KEEPCLEAR_INTERUSS_TOOLS", str(folder))
    monkeypatch.setenv("KEEPCLEAR_INTERUSS_PYTHON", sys.executable)
    monkeypatch.setenv("INTERUSS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(interuss, "PYTHON_LEAST", (3, 11))
    monkeypatch.setattr(interuss, "DssProcess", FakeService)
    monkeypatch.setattr(FakeService, "started", [])
    return folder


def test_suites_that_pass_end_with_0_and_were_asked_of_a_service_that_trusts_their_key(
    tools: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert interuss.main(["--parts", "scd"]) == 0

    assert (tmp_path / "home" / "asked").read_text(encoding="utf-8") == "scd http://127.0.0.1:9\n"
    (database, key), ended = FakeService.started
    assert database.startswith("sqlite:")
    assert (key, ended[0]) == ("key", "ended")
    assert (
        capfd.readouterr().out.splitlines()[-1]
        == "InterUSS's suites (scd), one service on SQLite: all passed"
    )


def test_suites_that_fail_end_with_1(tools: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tools / "dss_probe.sh").write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")

    assert interuss.main([]) == 1

    assert "FAILED" in capfd.readouterr().out


def test_what_can_not_be_run_is_told_loudly_by_a_code_of_its_own(
    tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tools / "setup.sh").write_text("#!/bin/sh\nexit 2\n", encoding="utf-8")
    codes = [interuss.main([])]
    monkeypatch.setattr(interuss, "PYTHON_LEAST", (4, 0))
    codes.append(interuss.main([]))
    (tools / "auth.sh").unlink()
    codes.append(interuss.main([]))
    monkeypatch.delenv("KEEPCLEAR_INTERUSS_TOOLS")
    codes.append(interuss.main([]))

    assert codes == [interuss.NOT_RUN] * 4
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("INTERUSS'S SUITES WERE NOT RUN: ") for line in lines)
    assert [line.rpartition(": ")[2] for line in lines[:2]] == [
        "their package could not be installed",
        "they need Python 4.0 or later; name it with KEEPCLEAR_INTERUSS_PYTHON",
    ]
    assert "lacks auth.sh" in lines[2]
    assert "names no folder" in lines[3]


def test_the_check_of_a_change_fails_for_every_code_but_that_one() -> None:
    root = Path(__file__).parents[2]
    text = (root / ".ci" / "run").read_text(encoding="utf-8")

    assert (
        f'./dev interuss || {{\n    code=$?\n    [ "$code" -eq {interuss.NOT_RUN} ] || exit "$code"\n' in text
    )
    assert "\ninteruss)\n" in (root / "dev").read_text(encoding="utf-8")
