"""The page on running a DSS is run for real: its blocks, in a shell, in an empty folder, with a service."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import click
import pytest

from keepclear import cli
from tests.ports import free_port
from tests.test_docs import named
from tests.test_tutorial import blocks_of, environment_of, missing_lines, pasted

ROOT = Path(__file__).parents[1]
HOW_TO = ROOT / "docs" / "how-to"
PAGE = (HOW_TO / "run-a-dss.md").read_text(encoding="utf-8")
PAGES = ("run-a-dss.md", "run-the-interuss-suites.md")
TRIED = PAGE.partition("\n## Whose tokens")[0]
SERVE = "keepclear serve --role dss --database sqlite:dss.db --trust-key dev-key.pub.pem\n"
URL = "http://127.0.0.1:8082"


@pytest.mark.slow
def test_the_first_part_does_what_it_says(tmp_path: Path) -> None:
    if shutil.which("curl") is None or os.name == "nt":
        pytest.skip("needs a POSIX shell and curl")
    url = f"http://127.0.0.1:{free_port()}"
    begun = f"{SERVE.rstrip()} --listen {url.removeprefix('http://')} & service=$!\n"
    waited = f"for _ in $(seq 200); do curl -fs {URL}/healthy && break; sleep 0.1; done\n"
    served = f"{begun}trap 'kill $service' EXIT\n{waited}"
    blocks = blocks_of(TRIED, "sh")
    assert SERVE in blocks
    script = "".join(served if block == SERVE else block for block in blocks)
    script += "trap - EXIT\nkill -INT $service\nwait $service\n"

    printed = pasted(script.replace(URL, url), tmp_path, environment_of(tmp_path)).replace(url, URL)

    assert missing_lines(TRIED, printed) == [], printed


@pytest.mark.parametrize("name", PAGES)
def test_every_option_of_the_page_is_one(name: str) -> None:
    text = (HOW_TO / name).read_text(encoding="utf-8")
    commands = re.sub(
        r"\\\n\s*", "", "\n".join([*blocks_of(text, "sh"), *blocks_of(text, "text"), *named(text)])
    )
    for command, rest in re.findall(r"\bkeepclear (serve|dev-token)\b(.*)", commands):
        known = {o for p in cli.main.commands[command].params if isinstance(p, click.Option) for o in p.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest.partition(">")[0])) <= known, rest
