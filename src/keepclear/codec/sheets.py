"""CSV of many rows, read column by column: quick where all is well, exact about each cell that is not.

The first row names the columns. Rows are taken in pieces; the numbers of a piece are read a column at once,
and cell by cell only where that fails. So a million rows take seconds, and every bad cell is told with its
line. What the columns mean is left to others.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from typing import Final, TypeAlias

import numpy as np

from keepclear.codec.json_errors import did_you_mean, text_of
from keepclear.codec.properties import SHOWN_CHARACTERS_MAX, field_of, number_of_text, shown
from keepclear.codec.reading import PROBLEMS_MAX, Reading
from keepclear.codec.waypoints import COLUMNS_MAX
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.packed import Ints

ROWS_MAX: Final = 2_000_000
"""The most rows of one file of tracks, or of pairs."""

Range: TypeAlias = tuple[float, float]
"""The least and the greatest number of a column."""

_CHUNK: Final = 50_000
_PLAIN: Final = b"0123456789.+-eE \t"

_Piece: TypeAlias = tuple[Ints, list[list[str]]]
"""Some rows, and the line at which each begins."""
_Fault: TypeAlias = tuple[int, str, str]
"""What is wrong with a cell: which row of a piece, which column, the reason."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Which columns a file may have.

    Attributes:
        numbers: Those that hold numbers, and their ranges.
        words: Those that hold words.
        needed: Those that must be there.
        filled: Those with numbers of which no cell may be empty.
        has_others: Whether it may have others, which are not read.
    """

    numbers: Mapping[str, Range]
    words: Sequence[str]
    needed: Sequence[str]
    filled: Sequence[str]
    has_others: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """What a file holds; n rows.

    Attributes:
        reading: Where problems go.
        lines: The line at which each row begins, shape (n,).
        header: The names of its columns.
        numbers: The numbers of each column that may be there, shape (n,); NaN where there is none.
        words: The words of each column of words that is there; empty where a cell is.
    """

    reading: Reading
    lines: Ints
    header: Sequence[str]
    numbers: Mapping[str, Floats]
    words: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(self.lines)

    def refuse(self, row: int, name: str, reason: str) -> None:
        """Note what is wrong with a cell."""
        self.reading.refuse(reason, item=f"line {self.lines[row]}", field=name)


def read_sheet(reading: Reading, data: bytes, columns: Columns) -> Sheet | None:
    """Read a file.

    Args:
        reading: Where problems go.
        data: The bytes of the file.
        columns: Which columns it may have.

    Returns:
        What it holds; None if it has problems, which are noted.

    Source:
        RFC 4180, with a header.
    """
    try:
        pieces = _pieces(text_of(data).decode("utf-8"))
        lines, rows = next(pieces, (np.empty(0, dtype=np.int64), []))
        if not rows:
            raise InvalidValueError("", "the file is empty; its first row must name the columns")
        header = [name.strip() for name in rows[0]]
        _check_header(header, int(lines[0]), columns, reading)
        if not reading.problems:
            sheet = _sheet(header, chain([(lines[1:], rows[1:])], pieces), columns, reading)
    except InvalidValueError as error:
        reading.refuse_value(error)
    return None if reading.problems else sheet


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield the rows that are not empty, some at a time.

    Raises:
        InvalidValueError: It is no CSV from here on, or it has too many rows.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line, count, broken = 1, 0, ""
    while not broken:
        rows: list[list[str]] = []
        try:
            rows.extend(islice(reader, _CHUNK))
        except csv.Error as error:  # the rows before it are there
            broken = str(error)
        lines = line + np.arange(len(rows))
        line += len(rows)
        if reader.line_num + 1 != line:  # it is broken, or cells have line breaks
            ends = line - len(rows) + np.cumsum([_line_count(row) for row in rows], dtype=np.int64)
            lines, line = np.concatenate([[line - len(rows)], ends])[:-1], int(ends[-1]) if rows else line
        if not rows:
            break
        if not all(map(any, rows)):
            kept = [k for k, row in enumerate(rows) if any(row)]
            lines, rows = lines[kept], [rows[k] for k in kept]
        count += len(rows)
        if count > ROWS_MAX + 1:
            raise InvalidValueError("", f"it has over {ROWS_MAX:,} rows; split it")
        if rows:
            yield lines, rows
    if broken:
        raise InvalidValueError("", f"this is not CSV: {broken}, in the row at line {line}")


def _line_count(row: list[str]) -> int:
    breaks = (cell.count("\n") + cell.count("\r") - cell.count("\r\n") for cell in row)
    return 1 + sum(breaks)


def _check_header(names: list[str], line: int, columns: Columns, reading: Reading) -> None:
    """Note what is wrong with the names of the columns.

    Raises:
        InvalidValueError: They are no names of columns at all.
    """
    place = f"line {line}"
    for separator, plural in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and separator in names[0]:
            raise InvalidValueError("", f"its columns are separated by {plural}; separate them by commas")
    if len(names) > COLUMNS_MAX:
        raise InvalidValueError("", f"it has {len(names)} columns; at most {COLUMNS_MAX} are taken")
    known = list(dict.fromkeys((*columns.needed, *columns.words, *columns.numbers)))
    if not set(names) & set(known):
        raise InvalidValueError("", f"its first row must name the columns: {','.join(columns.needed)}")
    for index, name in enumerate(names):
        if name not in known:
            if not columns.has_others:
                reading.refuse(f"unknown column {shown(name)}{did_you_mean(name, known)}", item=place)
        elif name in names[:index]:
            reading.refuse("the column is there twice", item=place, field=field_of(name))
    for name in columns.needed:
        if name not in names:
            reading.refuse("the column is missing", item=place, field=name)


def _sheet(header: list[str], pieces: Iterator[_Piece], columns: Columns, reading: Reading) -> Sheet:
    """Read the rows below the header.

    Raises:
        InvalidValueError: It is no CSV from somewhere on, or it has too many rows.
    """
    all_lines = [np.empty(0, dtype=np.int64)]
    words: dict[str, list[str]] = {name: [] for name in header if name in columns.words}
    parts: dict[str, list[Floats]] = {name: [np.empty(0)] for name in header if name in columns.numbers}
    for piece in pieces:
        lines, rows = _as_wide(*piece, len(header), reading)
        all_lines.append(lines)
        faults: list[_Fault] = []
        for name, cells in zip(header, zip(*rows, strict=True), strict=False):
            if name in parts:
                parts[name].append(_numbers(name, cells, columns, faults))
            elif name in words:
                words[name].extend(map(str.strip, cells))
        for row, name, reason in sorted(faults, key=itemgetter(0)):
            reading.refuse(reason, item=f"line {lines[row]}", field=name)
        if len(reading.problems) > PROBLEMS_MAX:
            break
    count = sum(map(len, all_lines))
    return Sheet(
        reading=reading,
        lines=np.concatenate(all_lines),
        header=header,
        numbers={
            name: np.concatenate(parts[name]) if name in parts else np.full(count, np.nan)
            for name in columns.numbers
        },
        words=words,
    )


def _as_wide(lines: Ints, rows: list[list[str]], width: int, reading: Reading) -> _Piece:
    """Leave out rows that have not as many cells as the header, and note them."""
    if not set(map(len, rows)) - {width}:
        return lines, rows
    kept = []
    for k, row in enumerate(rows):
        if len(row) == width:
            kept.append(k)
        else:
            cells = f"{len(row)} cell{'' if len(row) == 1 else 's'}"
            reading.refuse(f"it has {cells}, and there are {width} columns", item=f"line {lines[k]}")
    return lines[kept], [rows[k] for k in kept]


def _numbers(name: str, cells: Sequence[str], columns: Columns, faults: list[_Fault]) -> Floats:
    """Read the numbers of a column, NaN where a cell is empty or wrong; add what is wrong."""
    values = _quickly(cells)
    if values is None:
        values = np.full(len(cells), np.nan)
        for row, cell in enumerate(map(str.strip, cells)):
            if cell:
                try:
                    values[row] = number_of_text(cell)
                except InvalidValueError as error:
                    faults.append((row, name, error.reason))
    least, greatest = columns.numbers[name]
    for row in np.flatnonzero((values < least) | (values > greatest)).tolist():
        told = cells[row].strip()
        told = told if len(told) <= SHOWN_CHARACTERS_MAX else shown(told)
        faults.append((row, name, f"{told} is not within {least:.10g}..{greatest:.10g}"))
    if name in columns.filled:
        empty = (row for row in np.flatnonzero(np.isnan(values)).tolist() if not cells[row].strip())
        faults += [(row, name, "it is empty") for row in empty]
    return values


def _quickly(cells: Sequence[str]) -> Floats | None:
    """Return numbers where all cells are plain numbers or empty; else None."""
    text = "".join(cells)
    if not text.isascii() or text.encode().translate(None, _PLAIN):
        return None  # `float` reads more than we take: `nan`, `1_000`, digits of other scripts
    filled = [cell or "nan" for cell in cells] if "" in cells else cells
    try:
        values = np.array(list(map(float, filled)))
    except ValueError:
        return None
    return None if np.isinf(values).any() else values
