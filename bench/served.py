"""A node in a process of its own, and what asks it.

The process is this file (`python -m bench.served DATABASE POLICY NOW`). It is wired as `keepclear serve`
wires a node without links, with the keys that lie beside the database if there are any; but its clock
stands at one instant: the traffic of the benchmarks has a date.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from keepclear.adapters.http.app import Parts, RunningNode
from keepclear.adapters.http.server import listening, serve
from keepclear.adapters.keys import KeyFolder, load_node_key
from keepclear.adapters.notary import Notary
from keepclear.adapters.settings import NodeSettings, ServerSettings, Settings
from keepclear.adapters.store.access import Access
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.core.intents import PartyId
from keepclear.main.keys import KEYS_NAME, root_key_of
from keepclear.main.node import until_told
from keepclear.node.access import Role
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import Actor
from keepclear.node.workbench import Voice

ROOT: Final = Path(__file__).resolve().parents[1]
PARTY: Final = PartyId("bench")
"""Whose node it is."""
READY_S: Final = 120.0
"""So long a node may take until it answers."""
_MIB: Final = 1024.0


def token_of(database: Path, party: str, now: datetime) -> str:
    """Issue a token of a duty officer of a party; return its secret."""
    access = Access(database, lambda: now)
    try:
        return access.issue(Actor(party=PartyId(party), person="bench"), Role.DUTY_OFFICER)[1]
    finally:
        access.close()


class Client:
    """One connection that is kept, with one token."""

    def __init__(self, port: int, token: str | None = None, timeout_s: float = 60.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def ask(
        self, method: str, path: str, body: bytes | None = None, condition: tuple[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return status and body of an answer.

        Raises:
            OSError: The node cannot be reached.
            http.client.HTTPException: It was cut off.
        """
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if condition is not None:
            headers[condition[0]] = condition[1]
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        self._connection.close()


def cpu_s_of(pid: int) -> float:
    """Return the CPU time of a process so far, to the hundredth of a second."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def installed_environment() -> dict[str, str]:
    """Have modules compiled once, as where a package was installed, whatever this shell is set to."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"PYTHONPYCACHEPREFIX": str(ROOT / "build" / "bench" / "pycache")} | environment


class Process:
    """A node in a process of its own until the block is left.

    Args:
        arguments: What Python runs; the port is the first line that it writes.

    Attributes:
        port: Where it answers.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._began_s = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=installed_environment(), stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.strip().isdigit():
            raise RuntimeError(f"the node did not start; it ended with {self._process.wait()}")
        self.port = int(line)

    def wait_ready(self) -> float:
        """Wait until it answers; return how long that took since the process was started, seconds."""
        client = Client(self.port, timeout_s=READY_S)  # the socket listens already, and holds who asks
        try:
            while client.ask("GET", "/readyz")[0] != http.client.OK:
                time.sleep(0.01)
        finally:
            client.close()
        return time.perf_counter() - self._began_s

    def cpu_s(self) -> float:
        """Return the CPU time of the process so far, to the hundredth of a second."""
        return cpu_s_of(self._process.pid)

    def memory_mib(self, field: str = "VmRSS") -> float:
        """Return how much memory it holds now (`VmRSS`), or held at most (`VmHWM`)."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / _MIB
        return 0.0

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.kill()


class NodeProcess(Process):
    """A node that serves a database until the block is left."""

    def __init__(self, database: Path, conflicts: ConflictPolicy, now: datetime) -> None:
        super().__init__(["-m", "bench.served", str(database), conflicts.value, now.isoformat()])


def keys_beside(database: Path) -> KeyFolder:
    """Return where the keys of the node of a database are, if it has some."""
    return KeyFolder(database.parent / KEYS_NAME)


def _voice(keys: KeyFolder) -> Voice | None:
    if not keys.node.exists():
        return None
    return Voice(party=PARTY, notary=Notary(PARTY, load_node_key(keys.node)), root_key_of=root_key_of)


def main(database: str, conflicts: str, now: str) -> None:
    """Serve a node; its port is the first line of the output."""
    path, instant = Path(database), datetime.fromisoformat(now)
    with until_told(), listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        print(port, flush=True)
        settings = Settings(
            node=NodeSettings(party=PARTY, name=PARTY, conflicts=ConflictPolicy(conflicts), database=path),
            server=ServerSettings(listen=f"127.0.0.1:{port}"),
        )
        parts = Parts(
            settings=settings,
            store=SqliteStore(path),
            access=Access(path, lambda: instant),
            form=JsonForm(),
            clock=lambda: instant,
            voice=_voice(keys_beside(path)),
        )
        serve(RunningNode(parts), listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
