"""The bodies of what is done by voice: checks of the picture, and paper forms of messages."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from keepclear.adapters.http.wire import Given, Told
from keepclear.adapters.http.wire_hotline import Texts
from keepclear.adapters.http.wire_logs import PartyName
from keepclear.core.intents import PartyId
from keepclear.core.paper import LINES_MAX
from keepclear.core.picture_check import PATH_CHARACTERS_MAX
from keepclear.core.refs import LOG_ENTRIES_MAX
from keepclear.core.symbols import TYPED_CHARACTERS_MAX
from keepclear.core.written import WRITTEN_CHARACTERS_MAX

STANDING_TOLD_MAX = 20
"""So many things that stand in a part are told by name at most."""

Size = Annotated[int, Meta(ge=0, le=LOG_ENTRIES_MAX)]
Typed = Annotated[str, Meta(max_length=TYPED_CHARACTERS_MAX)]


class Spelled(Told):
    """Symbols, and the words for them in the letters of each language."""

    symbols: str
    words: dict[str, list[str]]


class PictureCheckGiven(Given):
    """What is known so far: with whom, both sides' sizes of the two logs, both challenges, a part."""

    with_party: PartyName = field(name="with")
    ours: Annotated[dict[PartyName, Size], Meta(min_length=2, max_length=2)] | None = None
    theirs: Annotated[dict[PartyName, Size], Meta(min_length=2, max_length=2)] | None = None
    challenge_ours: Typed | None = None
    challenge_theirs: Typed | None = None
    path: Annotated[str, Meta(max_length=PATH_CHARACTERS_MAX)] = ""


class PicturePart(Told):
    """A part of the picture; `size` is how much stands in it, or how many entries a log has."""

    label: str
    path: str
    code: Spelled
    size: int


class Stands(Told):
    """Something that stands in a part; `item` is the version of an item that it is."""

    kind: str
    name: str
    item: dict[str, Any] | None


class PictureChecked(Told):
    """What to say next. What is null is not known yet, or waits for what the other side says.

    `held` is what to read out first; `frozen` what both hold. `challenge` is drawn once that is known. `ours`
    is read out and `theirs` has to be heard. `parts` and `standing` are those of the path.
    """

    parties: list[str]
    held: dict[PartyId, int]
    frozen: dict[PartyId, int] | None
    remarks: list[str]
    challenge: Spelled | None
    ours: Spelled | None
    theirs: Spelled | None
    parts: list[PicturePart] | None
    standing: list[Stands] | None
    standing_count: int | None


class PaperLine(Told):
    """A line of a form: its name, what it is called, what stands there, and its check symbol."""

    name: str
    labels: Texts
    text: str
    symbol: Spelled


class PaperForm(Told):
    """The form of a message, to be printed or read out."""

    lines: list[PaperLine]
    total: Spelled
    texts: Texts


class HeardLine(Given):
    """A line that was heard; the symbol is null where the form has none."""

    text: Annotated[str, Meta(max_length=WRITTEN_CHARACTERS_MAX)]
    symbol: Typed | None


class PaperGiven(Given):
    """The lines that were heard so far, and the total once all were."""

    lines: Annotated[list[HeardLine], Meta(max_length=LINES_MAX)]
    total: Typed | None = None
    complete: bool = False


class NextLine(Told):
    """The line that comes next."""

    name: str
    labels: Texts
    needed: bool


class PaperRead(Told):
    """What was read so far. `deed` are the fields of a draft of kind `hear_by_voice`, once it is complete.

    `checked` tells whether each line and the total came with their symbols; where not, read the lines back
    to whoever said them before you sign. `heard_in` is the entry of the own log by which this very form was
    heard already; there is nothing to sign again then.
    """

    lines: list[PaperLine]
    next: NextLine | None
    checked: bool
    deed: dict[str, Any] | None
    texts: Texts | None
    heard_in: int | None = None
