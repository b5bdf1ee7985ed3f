"""Reading and writing files, with a limit and with errors that say what to do."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from keepclear.core.errors import InvalidValueError

FILE_BYTES_MAX: Final = 1_000_000_000
"""The largest file that is read."""
STDIN: Final = "-"
"""Stands for the standard input, or output."""


def read_bytes(name: str) -> bytes:
    """Read a file whole, or the standard input for `-`.

    Raises:
        InvalidValueError: It is not there, is no file, may not be read, or is over `FILE_BYTES_MAX`.
    """
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            path = Path(name)
            if path.is_dir():
                raise InvalidValueError("", "it is a folder; name the files in it")
            with path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise InvalidValueError("", "there is no such file") from None
    except OSError as error:
        raise InvalidValueError("", f"it cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL in the name
        raise InvalidValueError("", f"it cannot be read: {error}") from None
    if len(data) > FILE_BYTES_MAX:
        raise InvalidValueError("", f"it is over the limit of {FILE_BYTES_MAX:,} bytes; split it")
    return data


def write_bytes(name: str, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, or the standard output for `-`.

    A link is followed, a file keeps its permissions, and what is no regular file (a device, a named
    pipe) is written to as it is.

    Raises:
        InvalidValueError: It cannot be written.
        BrokenPipeError: Who reads the standard output has gone.
    """
    try:
        if name == STDIN:
            _write_stdout(data)
            return
        path = Path(name).resolve()
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
        else:
            _replace(path, data)
    except BrokenPipeError:
        raise
    except OSError as error:
        shown = "the standard output" if name == STDIN else name
        raise InvalidValueError("", f"{shown} cannot be written: {error.strerror or error}") from None


def _write_stdout(data: bytes) -> None:
    if sys.stdout is None:
        raise OSError("it is closed")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError:
        # What is left in the buffer must not fail once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _replace(path: Path, data: bytes) -> None:
    """Put a file in place of what is there, in one step."""
    if path.exists():
        mode = path.stat().st_mode & 0o777
    else:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(unfinished).chmod(mode)
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
