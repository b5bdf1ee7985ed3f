"""The tutorials are run for real: their blocks, in a shell, in an empty folder, with real nodes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keepclear.codec.catalogue.texts import Language, title
from keepclear.core.messages import Code
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial" / "first-node.md"
TWO_PARTIES = ROOT / "docs" / "tutorial" / "two-parties.md"
HOTLINE = ROOT / "docs" / "tutorial" / "hotline.md"
TEXTS = ROOT / "src" / "keepclear" / "console" / "static" / "locales" / "en.json"
URL = "http://127.0.0.1:8421"
SERVE = "keepclear serve\n"
TIMEOUT_S = 900.0  # on a machine that does much else


def checked(block: str) -> str:
    """Return a block that fails where a command ends with another exit code than is stated."""
    stated = re.compile(r"^(.+?)  # exit code (\d)$", re.MULTILINE)
    return stated.sub(r'code=0; \1 || code=$?; [ "$code" -eq \2 ]', block)


def script_of(blocks: list[str]) -> str:
    """Return one script: the node runs beside the rest, and each exit code is the one that is stated."""
    lines = []
    for block in blocks:
        if block == SERVE:
            lines += ["keepclear serve & node=$!", "trap 'kill $node' EXIT"]
            lines += [f"for _ in $(seq 100); do curl -fs {URL}/readyz && break; sleep 0.1; done"]
            continue
        lines.append(checked(block))
    lines += ["trap - EXIT", "kill -INT $node", "wait $node"]  # as Ctrl+C does; it ends with 0
    return "\n".join(lines)


def test_what_the_tutorial_names_in_the_console_is_written_there() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## In the console\n")[2]
    named = set(re.findall(r"\*\*(.+?)\*\*", section))
    assert named
    assert named <= console_texts()


def test_what_the_hotline_page_names_in_the_console_is_written_there() -> None:
    """Buttons of answers have the titles of the messages."""
    table = HOTLINE.read_text(encoding="utf-8").partition("| In the console |\n")[2].partition("\n\n")[0]
    named = {name.replace(" … ", " {id} ") for name in re.findall(r"\*\*(.+?)\*\*", table)}
    assert named
    assert named <= console_texts() | {title(code, Language.ENGLISH) for code in Code}


def console_texts() -> set[str]:
    return {text for text in json.loads(TEXTS.read_text("utf-8")).values() if isinstance(text, str)}


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of a user with nothing set, who has keepclear and Python on the PATH."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEEPCLEAR_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NUMBA_CACHE_DIR": str(folder),
    }
    return environment


def pasted(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a script as a user would; return what it prints, and fail where a command does."""
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def blocks_of(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def missing_lines(text: str, printed: str) -> list[str]:
    """Return the lines that a page shows and that were not printed."""
    return [line for block in blocks_of(text, "text") for line in block.splitlines() if line not in printed]


@pytest.mark.slow
def test_every_block_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = blocks_of(text, "sh")
    assert SERVE in blocks
    address = f"127.0.0.1:{free_port()}"
    environment = environment_of(tmp_path) | {"KEEPCLEAR_SERVER_LISTEN": address}
    script = script_of(blocks).replace(URL, f"http://{address}")
    printed = pasted(script, tmp_path, environment).replace(f"http://{address}", URL)
    assert missing_lines(text, printed) == [], printed


@pytest.mark.slow
@pytest.mark.parametrize("page", [TWO_PARTIES, HOTLINE], ids=lambda page: str(page.stem))
def test_two_parties_do_what_their_tutorial_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = [checked(each) for each in blocks_of(text, "sh")]
    script = "\n".join(["trap 'kill ${alpha_node:-} ${bravo_node:-} 2>/dev/null || true' EXIT", *blocks])
    for port in (8421, 8422, 8431, 8432):
        script = script.replace(f":{port}", f":{free_port()}")
    printed = pasted(script, tmp_path, environment_of(tmp_path))
    assert missing_lines(text, printed) == [], printed
