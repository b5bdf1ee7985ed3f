"""Runs InterUSS's suites against a fresh Discovery and Synchronization Service: `./dev interuss`.

The suites are theirs and are not in this repository. `KEEPCLEAR_INTERUSS_TOOLS` names a folder with scripts
that run them from the package `interuss-monitoring`: `setup.sh` makes an environment, `auth.sh` issues
tokens, `dss_probe.sh` judges a service by its URL. Where the folder or a Python for the package is missing,
nothing is judged, and that is told by an exit code of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.dss_served import DssProcess, free_port, postgres_at, sqlite_in
from bench.served import ROOT

TOOLS: Final = "KEEPCLEAR_INTERUSS_TOOLS"
PYTHON: Final = "KEEPCLEAR_INTERUSS_PYTHON"
SCRIPTS: Final = ("setup.sh", "auth.sh", "dss_probe.sh")
PARTS: Final = ("scd", "prober", "rid")
"""What is run unless said: the suite of F3548-21, the older tests beside it, and the suite of F3411-22a."""
PYTHON_LEAST: Final = (3, 13)
AUDIENCES: Final = ("127.0.0.1", "localhost")
NOT_RUN: Final = 77
"""The exit code where the suites could not be run; 1 where they ran and failed."""
_ISSUER_S: Final = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; print what the scripts print, and the figures last."""
    parser = argparse.ArgumentParser(prog="./dev interuss", description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=" ".join(PARTS), help="of scd, prober, rid (default: %(default)s)")
    parser.add_argument("--only", help="only scenarios whose type matches this regular expression")
    parser.add_argument(
        "--postgres",
        metavar="URL",
        help="two services on a database at this server (embedded: that of the tests), not one on SQLite",
    )
    options = parser.parse_args(arguments)
    tools = tools_in(os.environ)
    if isinstance(tools, str):
        return _not_run(tools)
    python = python_for_suites(os.environ)
    if python is None:
        return _not_run(
            f"they need Python {'.'.join(map(str, PYTHON_LEAST))} or later; name it with {PYTHON}"
        )
    environment = {
        "INTERUSS_HOME": str(ROOT / "build" / "interuss"),
        **os.environ,
        "PYTHON": python,
        "PARTS": options.parts,
        "AUTH_PORT": str(free_port()),
        **({"ONLY": options.only} if options.only else {}),
    }
    Path(environment["INTERUSS_HOME"]).mkdir(parents=True, exist_ok=True)
    if subprocess.run([tools / "setup.sh"], env=environment, check=False).returncode:
        return _not_run("their package could not be installed")
    return _judged(tools, environment, _server(options.postgres))


def _server(named: str | None) -> str | None:
    if named != "embedded":
        return named
    from tests import postgres  # its library is needed for this alone

    return postgres.server()


def tools_in(environment: Mapping[str, str]) -> Path | str:
    """Return the folder with the scripts, or why there is none."""
    named = environment.get(TOOLS, "")
    if not named:
        return f"{TOOLS} names no folder with the scripts"
    missing = [name for name in SCRIPTS if not os.access(Path(named) / name, os.X_OK)]
    return f"{named} ({TOOLS}) lacks {', '.join(missing)}" if missing else Path(named).resolve()


def python_for_suites(environment: Mapping[str, str]) -> str | None:
    """Return the first Python that is new enough: the one that is named, or one that is found."""
    named = environment.get(PYTHON)
    pyenv = Path(environment.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = (
        [named]
        if named
        else ["python3.14", "python3.13", *map(str, sorted(pyenv.glob("3.1[3-9].*/bin/python")))]
    )
    check = f"import sys; sys.exit(sys.version_info < {PYTHON_LEAST})"
    for name in found:
        path = shutil.which(name)
        if path is not None and subprocess.run([path, "-c", check], check=False).returncode == 0:
            return path
    return None


def _not_run(why: str) -> int:
    print(f"INTERUSS'S SUITES WERE NOT RUN: {why}", file=sys.stderr, flush=True)
    return NOT_RUN


def _judged(tools: Path, environment: Mapping[str, str], dsn: str | None) -> int:
    public = Path(environment["INTERUSS_HOME"]) / "auth" / "public.pem"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keepclear-interuss-")))
        stack.enter_context(_issuing(tools, environment))
        database = stack.enter_context(postgres_at(dsn)) if dsn else sqlite_in(folder)
        services = []
        for _ in range(2 if dsn else 1):  # one after the other: the first one makes the tables
            services.append(stack.enter_context(DssProcess(database, public, folder, AUDIENCES)))
            services[-1].wait_ready()
        urls = [f"http://127.0.0.1:{service.port}" for service in services]
        code = subprocess.run([tools / "dss_probe.sh", *urls], env=environment, check=False).returncode
    where = "two services on PostgreSQL" if dsn else "one service on SQLite"
    print(
        f"InterUSS's suites ({environment['PARTS']}), {where}: {'FAILED' if code else 'all passed'}",
        flush=True,
    )
    return 1 if code else 0


@contextmanager
def _issuing(tools: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Have tokens issued until the block is left.

    Raises:
        RuntimeError: The issuer does not answer.
    """
    process = subprocess.Popen(
        [tools / "auth.sh"], env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _await(f"http://127.0.0.1:{environment['AUTH_PORT']}/healthy", process)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + _ISSUER_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=3.0):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers at {url}")


if __name__ == "__main__":
    sys.exit(main())
