"""What people of a party do on the hotline, by the command line; and the timeline that a scenario prints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.scenarios.parties import Side, run, until


class Timeline:
    """Prints who did what, with the time in UTC; `pytest -s` shows it."""

    def __init__(self, title: str) -> None:
        print(f"\n{title}")

    def tell(self, who: str, what: str) -> None:
        """Print that somebody did something now."""
        print(f"  {datetime.now(UTC):%H:%M:%S}Z  {who:<8} {what}")


def said(side: Side, *words: str) -> str:
    """Send a message, whatever speaks against it; return its number as it is typed."""
    return _number(side.keepclear("say", *words, "--yes"))


def said_warned(side: Side, *words: str) -> tuple[str, str]:
    """Send a message; return its number, and everything that was shown before it was signed."""
    done = run("say", *words, "--yes", env=side.env)
    return _number(done.stdout), done.stderr


def answered(side: Side, number: str, *words: str) -> str:
    """Answer a message, whatever is warned of; return the number of the answer."""
    return _number(side.keepclear("answer", number, *words, "--yes"))


def _number(told: str) -> str:
    found = re.search(r"^sent to \w+: (\w+) (\d+)$", told, re.MULTILINE)
    assert found is not None, told
    return f"{found[1]}:{found[2]}"


def message(side: Side, number: str) -> Any:
    """Return a message that a node has."""
    return side.json("message", number, code=0)["message"]


def arrived(side: Side, number: str) -> Any:
    """Return a message as soon as a node has it."""

    def held() -> Any:
        done = run("message", number, "--json", env=side.env, code=None)
        return json.loads(done.stdout)["message"] if done.exit_code == 0 else None

    return until(held, f"{number} at {side.name}")


def has(side: Side, number: str, field: str) -> Any:
    """Return a message as soon as a field of it has a value."""

    def there() -> Any:
        told = message(side, number)
        return told if told[field] else None

    return until(there, f"{field} of {number} at {side.name}")


def closed(side: Side, number: str) -> Any:
    """Return a message as soon as its sender knows that it was answered."""
    return has(side, number, "answer")


def exchanged(timeline: Timeline, one: Side, other: Side, words: tuple[str, ...], answer: str) -> str:
    """Have one party say something and the other answer it; return the number of what was said."""
    number = said(one, other.name, *words)
    told = arrived(other, number)
    timeline.tell(told["person"], f"{told['number']}: {told['texts']['en']}")
    answered(other, number, answer)
    told = closed(one, number)
    timeline.tell(told["answer"]["person"], f"{told['number']}: {answer}")
    return number


def channel(side: Side, party: str) -> Any:
    """Return the channel to a party, as a node tells it."""
    (told,) = side.json("channel", party)["channels"]
    return told


def seen_after_s(told: Mapping[str, Any]) -> float:
    """Return how long it took until a message was read, seconds."""
    read, sent = (datetime.fromisoformat(each) for each in (told["seen"]["at"], told["sent_at"]))
    return (read - sent).total_seconds()
