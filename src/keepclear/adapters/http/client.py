"""A client of the API of a node, as commands use it.

What is sent again after a fault is only what may be: what reads, and a declaration, which a node
answers alike if it has it already. A change that names a version is sent again only if it surely
was not sent; else its caller learns that the outcome is not known.

The token goes to the one host that was named: no redirect is followed and no proxy is used. It
stands in no message and in no log.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Self, TypeVar, cast
from urllib.parse import quote

import httpx2
import msgspec

from keepclear.adapters.http.answers import (
    Answer,
    Breach,
    EventsPage,
    ItemsPage,
    Outcome,
    Problem,
    ProblemAnswer,
    Record,
    Session,
)
from keepclear.adapters.loopback import is_loopback
from keepclear.codec import geojson
from keepclear.codec.reading import Item
from keepclear.core.conflicts import Buffer
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import ID_CHARACTERS_MAX, IntentEvent

TIMEOUT_S: Final = 30.0
"""How long a node may be silent."""
RETRY_COUNT: Final = 3
"""How often a request is sent again; then its fault is raised."""
RETRY_WAIT_S: Final = 0.25
"""The wait before the first of them; each further one is twice as long."""
ANSWER_BYTES_MAX: Final = 100_000_000
"""A longer answer is not read to its end, and is a fault."""
PAGE_LIMIT: Final = 500
"""Records asked for at once; a node may give fewer."""
_PORT_LAST: Final = 65_535
_JSON: Final = "application/json"
_GEOJSON: Final = "application/geo+json"
_UNAVAILABLE: Final = 503

_T = TypeVar("_T")


class NodeUnreachableError(KeepclearError):
    """A node could not be reached, or was cut off before it had answered. Trying again may help.

    Attributes:
        url: The node.
        reason: What happened.
        is_outcome_unknown: Whether the node may have done what was asked.
    """

    def __init__(self, url: str, reason: str, *, is_outcome_unknown: bool) -> None:
        self.url = url
        self.reason = reason
        self.is_outcome_unknown = is_outcome_unknown
        unknown = "; whether it did what was asked is not known, so look before you ask again"
        super().__init__(f"{url}: {reason}{unknown if is_outcome_unknown else ''}")


class NodeRefusedError(KeepclearError):
    """A node answered that it does not do what was asked.

    Attributes:
        status: The HTTP status; from 500 on the fault is the node's, and trying again may help.
        detail: Why, in the words of the node.
        problems: What is wrong with the request: `field` and `reason` of each.
        findings: What a declaration conflicts with.
        breaches: On which altitude splits' other side it is.
        record: The current record, if another version was named; None else.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        problems: tuple[Problem, ...] = (),
        findings: tuple[dict[str, Any], ...] = (),
        breaches: tuple[Breach, ...] = (),
        record: Record | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.problems = problems
        self.findings = findings
        self.breaches = breaches
        self.record = record
        told = [
            f"{problem.field}: {problem.reason}" if problem.field else problem.reason for problem in problems
        ]
        super().__init__("; ".join([f"the node refused ({status}): {detail}", *told]))


class NodeAnswerError(KeepclearError):
    """What came back is not what a node answers: is it one, and of a version that this one knows?

    Attributes:
        url: What was asked.
        reason: What is wrong with the answer.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"{url}: this is no answer of a Keepclear node: {reason}")


class _NoAnswer(Exception):  # noqa: N818  # never leaves this module
    """No answer came."""

    def __init__(self, reason: str, *, was_sent: bool, may_help: bool = True) -> None:
        self.reason = reason
        self.was_sent = was_sent
        self.may_help = may_help


class NodeClient:
    """A client of one node. Close it, or use it in a `with` statement.

    Attributes:
        url: The node, as it was given.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        ca_file: str | None = None,
        timeout_s: float = TIMEOUT_S,
        allow_plaintext: bool = False,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            url: Where the node is, such as `https://north.example:8421`.
            token: What tells the node who asks; None to ask without.
            ca_file: The certificates of the authorities to trust, PEM; None for the usual ones.
            timeout_s: How long the node may be silent, seconds.
            allow_plaintext: True to send the token without TLS to another machine.
            transport: What sends requests, for tests.
            sleep: What waits, for tests.

        Raises:
            InvalidValueError: The URL is none, the token is none or could be read on its way, or the
                authorities cannot be read.
        """
        self.url = _checked_url(url, has_token=token is not None, allow_plaintext=allow_plaintext)
        headers = {"User-Agent": "keepclear", "Accept": _JSON, "Accept-Encoding": "identity"}
        if token is not None:
            if not (token and token.isascii() and token.isprintable() and " " not in token):
                raise InvalidValueError("token", "it holds something else than a token")
            headers["Authorization"] = f"Bearer {token}"
        self._sleep = sleep
        self._client = httpx2.Client(
            headers=headers,
            verify=_trust(ca_file),
            timeout=timeout_s,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"NodeClient({self.url!r})"

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    # Every method raises NodeUnreachableError, NodeRefusedError and NodeAnswerError, as they say.

    def session(self) -> Session:
        """Return who one is at the node."""
        return self._read("/v1/session", Session)

    def items(
        self,
        *,
        kind: str | None = None,
        party: str | None = None,
        state: str | None = None,
        include_ended: bool = False,
    ) -> Iterator[Record]:
        """Yield the records of all items, page after page.

        Args:
            kind: Only those of this kind.
            party: Only those of this party.
            state: Only those in this state.
            include_ended: True for those that have ended, too.
        """
        asked = {"kind": kind, "party": party, "state": state, "include": "ended" if include_ended else None}
        after: str | None = None
        while True:
            page = self._read("/v1/items", ItemsPage, {**asked, "limit": PAGE_LIMIT, "after": after})
            yield from page.items
            if page.next is None:
                return
            if page.next == after:
                raise NodeAnswerError(f"{self.url}/v1/items", "a page leads to itself")
            after = page.next

    def item(self, item_id: str) -> Record:
        """Return the current record of an item."""
        return self._of_item(self._read(_path_of(item_id), Record), item_id)

    def declare(self, item: Item) -> Outcome:
        """Declare an item that the node does not have. Sent again after a fault: a node answers alike."""
        return self._put(item, {"If-None-Match": "*"}, is_repeatable=True)

    def amend(self, item: Item, version: int) -> Outcome:
        """Put an item in place of its version that is named."""
        return self._put(item, _if_match(version), is_repeatable=False)

    def withdraw(self, item_id: str, version: int) -> Outcome:
        """Withdraw an item of which this is the current version."""
        outcome = self._call("DELETE", _path_of(item_id), Outcome, headers=_if_match(version))
        return self._outcome(outcome, item_id)

    def change_state(self, item_id: str, event: IntentEvent, version: int) -> Outcome:
        """Change the state of an operation of which this is the current version."""
        body = msgspec.json.encode({"event": event.value})
        headers = {"Content-Type": _JSON, **_if_match(version)}
        return self._outcome(
            self._call("PATCH", _path_of(item_id), Outcome, body=body, headers=headers), item_id
        )

    def check(self, item: Mapping[str, object], *, buffer: Buffer | None = None) -> Answer:
        """Check an item of the API against what the node holds; nothing is stored.

        Args:
            item: The item, as the API has it.
            buffer: The gap to leave; None for that of the node.
        """
        return self._ask("/v1/check", {"item": item, **_buffer_fields(buffer)}, Answer)

    def conflicts(self, *, limit: int = PAGE_LIMIT, after: int | str | None = None) -> Answer:
        """Check everything that the node holds against everything.

        Args:
            limit: How many findings to answer at most.
            after: Where to go on: `next` of the answer before; None for the beginning.
        """
        return self._read("/v1/conflicts", Answer, {"limit": limit, "after": after})

    def resolve(
        self,
        item: str | Mapping[str, object],
        *,
        limits: Mapping[str, object] | None = None,
        buffer: Buffer | None = None,
    ) -> dict[str, Any]:
        """Ask for the smallest changes that clear an item of all conflicts.

        Args:
            item: The id of an item of the node, or an item as the API has it.
            limits: The greatest changes, as the API has them; None for those of the node.
            buffer: The gap to leave; None for that of the node.

        Returns:
            The resolution, as the API has it.
        """
        asked: dict[str, object] = {"id": item} if isinstance(item, str) else {"item": item}
        if limits is not None:
            asked["limits"] = limits
        return self._ask("/v1/resolve", asked | _buffer_fields(buffer), dict[str, Any])

    def read_events(self, after: int = 0, *, limit: int = PAGE_LIMIT) -> EventsPage:
        """Return the changes after the one with a number, oldest first."""
        return self._read("/v1/events", EventsPage, {"after": after, "limit": limit})

    # -- sending ------------------------------------------------------------------------------------

    def _put(self, item: Item, condition: dict[str, str], *, is_repeatable: bool) -> Outcome:
        outcome = self._call(
            "PUT",
            _path_of(item.id),
            Outcome,
            body=geojson.encode([item]),
            headers={"Content-Type": _GEOJSON, **condition},
            is_repeatable=is_repeatable,
        )
        return self._outcome(outcome, item.id)

    def _read(self, path: str, kind: type[_T], query: Mapping[str, object] | None = None) -> _T:
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        return self._call("GET", path, kind, query=given, is_repeatable=True)

    def _ask(self, path: str, fields: Mapping[str, object], kind: type[_T]) -> _T:
        body = msgspec.json.encode(fields)
        return self._call("POST", path, kind, body=body, headers={"Content-Type": _JSON}, is_repeatable=True)

    def _outcome(self, outcome: Outcome, item_id: str) -> Outcome:
        self._of_item(outcome.record, item_id)
        return outcome

    def _of_item(self, record: Record, item_id: str) -> Record:
        if record.item.get("id") != item_id:
            raise NodeAnswerError(f"{self.url}{_path_of(item_id)}", "it is about another item")
        return record

    def _call(
        self,
        method: str,
        path: str,
        kind: type[_T],
        *,
        query: dict[str, str] | None = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        is_repeatable: bool = False,
    ) -> _T:
        """Send a request, again if it may be, and return what the node answers."""
        url = f"{self.url}{path}"
        request = self._client.build_request(method, url, params=query or None, content=body, headers=headers)
        wait_s = RETRY_WAIT_S
        for left in range(RETRY_COUNT, -1, -1):
            try:
                status, data = self._exchange(request)
            except _NoAnswer as fault:
                if left and fault.may_help and (is_repeatable or not fault.was_sent):
                    self._sleep(wait_s)
                    wait_s *= 2.0
                    continue
                is_unknown = fault.was_sent and method != "GET" and not path.startswith(_ASKING)
                raise NodeUnreachableError(self.url, fault.reason, is_outcome_unknown=is_unknown) from None
            if status == _UNAVAILABLE and left and is_repeatable:
                self._sleep(wait_s)
                wait_s *= 2.0
                continue
            return _answer_of(url, status, data, kind)
        raise AssertionError("the last turn returns or raises")

    def _exchange(self, request: httpx2.Request) -> tuple[int, bytes]:
        """Send a request once, and read the answer whole.

        Raises:
            _NoAnswer: There is none.
            NodeAnswerError: It is too long, or cannot be decoded.
        """
        url = str(request.url)
        try:
            response = self._client.send(request, stream=True)
            try:
                data = bytearray()
                for part in response.iter_bytes():
                    data += part
                    if len(data) > ANSWER_BYTES_MAX:
                        raise NodeAnswerError(url, f"it is over the limit of {ANSWER_BYTES_MAX:,} bytes")
            finally:
                response.close()
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise _not_connected(error) from None
        except httpx2.TimeoutException:
            raise _NoAnswer("it does not answer in time", was_sent=True) from None
        except httpx2.TransportError as error:
            raise _NoAnswer(f"the connection broke off: {error}", was_sent=True) from None
        except httpx2.DecodingError:
            raise NodeAnswerError(url, "it cannot be decoded") from None
        return response.status_code, bytes(data)


_ASKING: Final = ("/v1/check", "/v1/resolve", "/v1/drafts", "/v1/suggestions")
"""What is asked by POST and changes nothing."""


def _checked_url(text: str, *, has_token: bool, allow_plaintext: bool) -> str:
    """Return the URL of a node without a slash at its end.

    Raises:
        InvalidValueError: It is none, or a token would be sent in the clear.
    """
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise InvalidValueError("node", f"it is no URL: {error}") from None
    if url.userinfo or url.query or url.fragment:
        raise InvalidValueError("node", "a URL of a node has no user, query or fragment")
    if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > _PORT_LAST:
        raise InvalidValueError("node", f"{text!r} is no URL of a node; write https://host:8421")
    if has_token and url.scheme == "http" and not (allow_plaintext or is_loopback(url.host)):
        raise InvalidValueError(
            "node", f"the token could be read on its way to {url.host}; use https, or --allow-plaintext"
        )
    return str(url).rstrip("/")


def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    """Return whom to trust.

    Raises:
        InvalidValueError: The file cannot be read, or holds no certificate.
    """
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise InvalidValueError(ca_file, "it holds no certificate (PEM)") from None
    except OSError as error:
        raise InvalidValueError(ca_file, f"it cannot be read: {error.strerror or error}") from None


def _path_of(item_id: str) -> str:
    """Return the path of an item.

    Raises:
        InvalidValueError: It is no id; an empty one would name all items.
    """
    if not (item_id and item_id.isprintable()):
        raise InvalidValueError("id", f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
    quoted = quote(item_id, safe="")
    # A name of dots alone would be taken for a step up the path.
    return "/v1/items/" + (quoted.replace(".", "%2E") if set(item_id) == {"."} else quoted)


def _if_match(version: int) -> dict[str, str]:
    return {"If-Match": f'"{version}"'}


def _buffer_fields(buffer: Buffer | None) -> dict[str, object]:
    if buffer is None:
        return {}
    gaps = {"lateral_m": buffer.lateral_m, "vertical_m": buffer.vertical_m, "time_s": buffer.time_s}
    return {"buffer": gaps}


def _not_connected(error: httpx2.TransportError) -> _NoAnswer:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        reason = "its certificate is not trusted; name the authority's with --ca-file"
        return _NoAnswer(reason, was_sent=False, may_help=False)
    return _NoAnswer(f"it cannot be reached: {error}", was_sent=False)


def _answer_of(url: str, status: int, data: bytes, kind: type[_T]) -> _T:
    """Return the answer of a node as a value.

    Raises:
        NodeRefusedError: It refuses.
        NodeAnswerError: It is something else.
    """
    if not 200 <= status < 300:
        raise _refusal(status, data)
    if kind is bytes:
        return cast(_T, data)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise NodeAnswerError(url, str(error)) from None
    except RecursionError:
        raise NodeAnswerError(url, "it nests too deeply") from None


def _refusal(status: int, data: bytes) -> NodeRefusedError:
    """Make the error of a refusal; what stands between may refuse in another form than a node."""
    try:
        told = msgspec.json.decode(data, type=ProblemAnswer)
    except (msgspec.DecodeError, RecursionError):
        told = ProblemAnswer()
    detail = told.detail or told.title or httpx2.codes.get_reason_phrase(status) or "it does not say why"
    if 300 <= status < 400:
        detail = "it leads elsewhere; give the address that is meant"
    return NodeRefusedError(
        status,
        detail,
        problems=told.problems,
        findings=told.findings,
        breaches=told.breaches,
        record=told.record,
    )
