"""A Discovery and Synchronization Service in a process of its own, with a key and tokens for its clients.

The process is the command that users run: `keepclear serve --role dss`. A PostgreSQL server that is named is
given a database of its own for each run, which is dropped at the end.
"""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from bench.served import READY_S, ROOT, Client, cpu_s_of, installed_environment

COORDINATION: Final = "utm.strategic_coordination"
"""The scope of all that is asked here."""
AUDIENCE: Final = "127.0.0.1"
TOKEN_S: Final = 3_500.0
"""So long a token is good; the service takes none of over an hour."""
_KEY_BITS: Final = 2_048
_LOG_TAIL: Final = 2_000


class Issuer:
    """Issues tokens with a key that it makes; what trusts the key needs the file with its public half.

    Attributes:
        public: The public half, in PEM.
    """

    def __init__(self, folder: Path) -> None:
        self._key = RSAKey.generate_key(_KEY_BITS)
        self.public = folder / "issuer.pem"
        self.public.write_bytes(self._key.as_pem(private=False))

    def token(self, subject: str, scope: str = COORDINATION) -> str:
        """Return a token of a subject, good for the time of a run."""
        now = int(time.time())
        claims = {
            "iss": "https://issuer.example",
            "sub": subject,
            "aud": AUDIENCE,
            "scope": scope,
            "iat": now,
            "nbf": now - 1,
            "exp": now + int(TOKEN_S),
            "jti": secrets.token_hex(16),
        }
        return jwt.encode({"alg": "RS256"}, claims, self._key)


class DssProcess:
    """A service in a process of its own until the block is left.

    Args:
        database: What `--database` takes.
        trusted: The public key whose tokens it takes, in PEM.
        folder: Where it writes its log.
        audiences: The host names that tokens may be for.

    Attributes:
        port: Where it answers.
    """

    def __init__(
        self, database: str, trusted: Path, folder: Path, audiences: Sequence[str] = (AUDIENCE,)
    ) -> None:
        self.port = free_port()
        self._log = folder / f"dss-{self.port}.log"
        command = [
            *(sys.executable, "-m", "keepclear.cli", "serve", "--role", "dss"),
            *("--listen", f"127.0.0.1:{self.port}", "--database", database, "--trust-key", str(trusted)),
            *(word for audience in audiences for word in ("--audience", audience)),
        ]
        self._began_s = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=installed_environment(), stdout=log, stderr=log
            )

    def wait_ready(self) -> float:
        """Wait until it answers; return how long that took since the process was started, seconds.

        Raises:
            RuntimeError: It ended, or does not answer.
        """
        while time.perf_counter() - self._began_s < READY_S:
            if self._process.poll() is not None:
                break
            client = Client(self.port, timeout_s=5.0)
            with suppress(OSError, http.client.HTTPException):
                if client.ask("GET", "/healthy")[0] == http.client.OK:
                    client.close()
                    return time.perf_counter() - self._began_s
            client.close()
            time.sleep(0.02)
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
        raise RuntimeError(f"the service did not start ({self._process.poll()}): {tail}")

    def cpu_s(self) -> float:
        """Return the CPU time of the process so far, to the hundredth of a second."""
        return cpu_s_of(self._process.pid)

    def memory_bytes(self) -> int:
        """Return how much of its memory is in use, as Linux tells it."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return 1_024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(30.0)
        self.kill()


def free_port() -> int:
    """Return a port that nobody listens at now; somebody may before it is used, but hardly ever does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def sqlite_in(folder: Path) -> str:
    """Return what `--database` takes for a new file in a folder."""
    return f"sqlite:{folder / 'dss.sqlite3'}"


@contextmanager
def postgres_at(dsn: str) -> Iterator[str]:
    """Make a database of its own on a server, and drop it when the block is left.

    Args:
        dsn: A URL `postgresql://…` of a database there; its user must be allowed to make others.
    """
    import psycopg

    name = f"keepclear_bench_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
        try:
            at = urlsplit(dsn)
            yield f"postgresql://{at.netloc}/{name}" + (f"?{at.query}" if at.query else "")
        finally:
            connection.execute(f'drop database if exists "{name}" with (force)')
