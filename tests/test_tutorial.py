"""The tutorial of the first node is run for real: its blocks, in a shell, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial" / "first-node.md"
TEXTS = ROOT / "src" / "keepclear" / "console" / "static" / "locales" / "en.json"
URL = "http://127.0.0.1:8421"
SERVE = "keepclear serve\n"
TIMEOUT_S = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def script_of(blocks: list[str]) -> str:
    """Return one script: the node runs beside the rest, and each exit code is the one that is stated."""
    lines = []
    for block in blocks:
        if block == SERVE:
            lines += ["keepclear serve & node=$!", "trap 'kill $node' EXIT"]
            lines += [f"for _ in $(seq 100); do curl -fs {URL}/readyz && break; sleep 0.1; done"]
            continue
        stated = re.compile(r"^(.+?)  # exit code (\d)$", re.MULTILINE)
        lines.append(stated.sub(r'code=0; \1 || code=$?; [ "$code" -eq \2 ]', block))
    lines += ["trap - EXIT", "kill -INT $node", "wait $node"]  # as Ctrl+C does; it ends with 0
    return "\n".join(lines)


def test_what_the_tutorial_names_in_the_console_is_written_there() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## In the console\n")[2]
    named = set(re.findall(r"\*\*(.+?)\*\*", section))
    assert named
    assert named <= {text for text in json.loads(TEXTS.read_text("utf-8")).values() if isinstance(text, str)}


@pytest.mark.slow
def test_every_block_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert SERVE in blocks
    address = f"127.0.0.1:{free_port()}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEEPCLEAR_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "KEEPCLEAR_SERVER_LISTEN": address,
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    script = script_of(blocks).replace(URL, f"http://{address}")
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
        timeout=TIMEOUT_S,
    )
    printed = done.stdout.replace(f"http://{address}", URL)
    assert done.returncode == 0, printed
    assert "Traceback" not in printed
    shown = re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    missing = [line for block in shown for line in block.splitlines() if line not in printed]
    assert missing == [], printed
