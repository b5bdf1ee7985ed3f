"""Two people on the telephone, each at a command that prompts: what one reads out, the other types."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

from tests.scenarios.parties import WAIT_S, Side

_PROGRAM = "from keepclear.cli import main; main(prog_name='keepclear')"


class Caller:
    """A person at a command, in a process of its own.

    Args:
        side: Whose command it is.
        words: What was typed to start it.
    """

    def __init__(self, side: Side, *words: str) -> None:
        env = {**os.environ, **{name: value for name, value in side.env.items() if value is not None}}
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", _PROGRAM, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
        )  # fmt: skip
        self._shown, self._place = "", 0
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        while data := os.read(self._process.stderr.fileno(), 4_096):
            with self._more:
                self._shown += data.decode()
                self._more.notify_all()

    def sees(self, pattern: str) -> str:
        """Wait until something is on the screen after what was seen before; return its first group."""
        with self._more:
            self._more.wait_for(lambda: re.search(pattern, self._shown[self._place :]), WAIT_S)
            found = re.search(pattern, self._shown[self._place :])
            assert found is not None, (pattern, self._shown)
            self._place += found.end()
            return found[1] if found.groups() else found[0]

    def types(self, text: object) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())
        self._process.stdin.flush()

    def ended(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and what was printed."""
        assert self._process.stdout is not None
        code = self._process.wait(WAIT_S)
        return code, self._process.stdout.read().decode()
