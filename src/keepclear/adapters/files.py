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

    Raises:
        InvalidValueError: It cannot be written.
    """
    if name == STDIN:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    try:
        handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            umask = os.umask(0)
            os.umask(umask)
            Path(unfinished).chmod(0o666 & ~umask)
            Path(unfinished).replace(path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidValueError("", f"{name} cannot be written: {error.strerror or error}") from None
