"""The token of client commands: where it is found, and how it is kept from others.

A token is never in an argument of a command, which other users of the machine see, and never in a
message. A file that others can read is refused rather than warned of: what they read stays read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from keepclear.core.errors import InvalidValueError

TOKEN_VARIABLE: Final = "KEEPCLEAR_TOKEN"
"""Holds the token itself."""
TOKEN_FILE_VARIABLE: Final = "KEEPCLEAR_TOKEN_FILE"
"""Names the file with the token."""
TOKEN_FILE_NAME: Final = "keepclear.token"
"""The file that is read if nothing is named, in the current folder, beside `keepclear.toml`."""
TOKEN_CHARACTERS_MAX: Final = 512
"""A longer token is refused: it is something else."""
_OTHERS: Final = 0o077
_OWNER_ONLY: Final = 0o600


def find_token(
    explicit_file: str | None, *, environment: Mapping[str, str], folder: Path | None = None
) -> str:
    """Return the token: of a variable, of the file that was named, or of the file in the folder.

    Args:
        explicit_file: The file that the user named; None for none.
        environment: The environment variables.
        folder: The current folder; None for that of the process.

    Returns:
        The token, without white space round it.

    Raises:
        InvalidValueError: There is none, or it is none, or others can read its file; or it is not
            clear which one is meant: each may be another person's. The token is never in the error.
    """
    here = Path() if folder is None else folder
    if token := environment.get(TOKEN_VARIABLE):
        if explicit_file:
            raise InvalidValueError(
                TOKEN_VARIABLE, "it is set, and a file is named; unset it, or name no file"
            )
        return _checked(token, TOKEN_VARIABLE)
    if named := explicit_file or environment.get(TOKEN_FILE_VARIABLE):
        return read_token(here / named)
    usual = here / TOKEN_FILE_NAME
    if not usual.exists():
        ways = f"set {TOKEN_VARIABLE} or {TOKEN_FILE_VARIABLE}, name a file with --token-file"
        raise InvalidValueError("token", f"there is none; {ways}, or put it into {usual}")
    return read_token(usual)


def read_token(file: Path) -> str:
    """Read the token in a file.

    Raises:
        InvalidValueError: It cannot be read, others than its owner can read it, or it holds no token.
    """
    try:
        # Looked at once open: what was looked at before could be another file by now.
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(TOKEN_CHARACTERS_MAX + 3)  # white space round it
    except FileNotFoundError:
        raise InvalidValueError(str(file), "there is no such file") from None
    except OSError as error:
        raise InvalidValueError(str(file), f"it cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL in the name
        raise InvalidValueError(str(file), f"it cannot be read: {error}") from None
    if is_open_to_others(mode):
        raise InvalidValueError(
            str(file),
            f"others can read it (mode {stat.S_IMODE(mode):04o}); chmod 600 it, and get a new token",
        )
    return _checked(data.decode("latin-1"), str(file))


def write_token(file: Path, token: str) -> None:
    """Write a token into a new file that only its owner can read.

    Raises:
        InvalidValueError: The file exists already, it cannot be written, or the token is none.
    """
    text = _checked(token, "token")
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except FileExistsError:
        raise InvalidValueError(str(file), "it exists already; move it away first") from None
    except OSError as error:
        raise InvalidValueError(str(file), f"it cannot be written: {error.strerror or error}") from None
    try:
        with os.fdopen(handle, "w", encoding="ascii") as opened:
            opened.write(f"{text}\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        file.unlink(missing_ok=True)
        raise InvalidValueError(str(file), f"it cannot be written: {error.strerror or error}") from None


def is_open_to_others(mode: int) -> bool:
    """Tell whether others than the owner may do anything with a file, where modes tell that."""
    return os.name == "posix" and bool(mode & _OTHERS)


def _checked(text: str, place: str) -> str:
    """Return a token without white space round it.

    Raises:
        InvalidValueError: It is empty, too long, or holds what no token holds.
    """
    token = text.strip()
    if not token:
        raise InvalidValueError(place, "it holds no token")
    if len(token) > TOKEN_CHARACTERS_MAX or not (
        token.isascii() and token.isprintable() and " " not in token
    ):
        raise InvalidValueError(
            place,
            f"it holds something else than a token of up to {TOKEN_CHARACTERS_MAX} characters on one line",
        )
    return token
