"""What commands share that ask a node: where it is, who asks, and what went wrong.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from keepclear.cli_io import EXIT_BAD_INPUT, EXIT_CANNOT_DECIDE, Command, add_options, say

if TYPE_CHECKING:
    from keepclear.adapters.http.answers import Breach
    from keepclear.adapters.http.client import NodeClient
    from keepclear.adapters.http.hotlining import HotlineClient
    from keepclear.adapters.http.talking import TalkClient
    from keepclear.adapters.http.voicing import VoiceClient
    from keepclear.core.conflicts import Finding

_Client = TypeVar("_Client", bound="TalkClient")

NODE_VARIABLE: Final = "KEEPCLEAR_NODE"
DEFAULT_URL: Final = "http://127.0.0.1:8421"
CONNECTION_NAMES: Final = ("token_file", "ca_file", "allow_plaintext")
"""The parameters that say how a node is asked, besides which."""
_META: Final = "keepclear."
_SERVER_FAULT: Final = 500


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    ctx.meta[f"{_META}{param.name}"] = value


def connection_options(node_help: str) -> Command:
    """Return what adds the options that say which node is asked, and how.

    Their values are kept in the context, where `opened_node` finds them.
    """
    return add_options(
        click.option("--node", metavar="URL", expose_value=False, callback=_keep, help=node_help),
        click.option(
            "--token-file",
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help="The file with the token.  [default: keepclear.token]",
        ),
        click.option(
            "--ca-file",
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help="The certificates of the authorities to trust, PEM.",
        ),
        click.option(
            "--allow-plaintext",
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Send the token without TLS to another machine.",
        ),
    )


def node_options() -> Command:
    """Return what adds the options of a command that always asks a node."""
    return connection_options(f"The node.  [default: KEEPCLEAR_NODE, keepclear.toml, or {DEFAULT_URL}]")


def named_node(ctx: click.Context) -> str | None:
    """Return the node that `--node` names; None for none."""
    named: str | None = ctx.meta.get(f"{_META}node")
    return named


@contextlib.contextmanager
def opened_node(ctx: click.Context) -> Iterator[TalkClient]:
    """Open a client of the node that was named, else of the usual one; tell every fault of it.

    Raises:
        SystemExit: Something could not be done; the reason has been told.
    """
    from keepclear.adapters.http.talking import TalkClient

    with _opened(ctx, TalkClient) as client:
        yield client


@contextlib.contextmanager
def opened_hotline(ctx: click.Context) -> Iterator[HotlineClient]:
    """Open a client that also knows the hotline, as of `opened_node`.

    Raises:
        SystemExit: Something could not be done; the reason has been told.
    """
    from keepclear.adapters.http.hotlining import HotlineClient

    with _opened(ctx, HotlineClient) as client:
        yield client


@contextlib.contextmanager
def opened_voice(ctx: click.Context) -> Iterator[VoiceClient]:
    """Open a client that also knows what is done by voice, as of `opened_node`.

    Raises:
        SystemExit: Something could not be done; the reason has been told.
    """
    from keepclear.adapters.http.voicing import VoiceClient

    with _opened(ctx, VoiceClient) as client:
        yield client


@contextlib.contextmanager
def _opened(ctx: click.Context, kind: type[_Client]) -> Iterator[_Client]:
    from keepclear.adapters.token_file import find_token

    with told_faults():
        url = named_node(ctx) or default_url()
        token = find_token(ctx.meta.get(f"{_META}token_file"), environment=os.environ)
        with kind(
            url,
            token,
            ca_file=ctx.meta.get(f"{_META}ca_file"),
            allow_plaintext=bool(ctx.meta.get(f"{_META}allow_plaintext")),
        ) as client:
            yield client


@contextlib.contextmanager
def told_faults() -> Iterator[None]:
    """End the command with the reason, and the code for it, where something cannot be done.

    Raises:
        SystemExit: It cannot; the reason has been told.
    """
    from keepclear.core.errors import KeepclearError

    try:
        yield
    except KeepclearError as error:
        say(f"error: {error}")
        raise SystemExit(exit_code_of(error)) from None


def findings_of(client: NodeClient, told: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Return findings that a node told.

    Raises:
        NodeAnswerError: They are none.
    """
    from keepclear.adapters.http.client import NodeAnswerError
    from keepclear.codec.told import finding_of
    from keepclear.core.errors import InvalidValueError

    try:
        return [finding_of(fields) for fields in told]
    except InvalidValueError as error:
        raise NodeAnswerError(client.url, str(error)) from None


def breach_text(breach: Breach) -> str:
    """Tell in a sentence how an operation breaks an altitude split."""
    from keepclear.codec.words import number_text

    away = "above" if breach.stays == "below" else "below"
    reach = "without a bound" if breach.reach_m is None else f"by {number_text(breach.reach_m, 0)} m"
    return (
        f"SPLIT BROKEN: {breach.id} of {breach.party} reaches {away} {number_text(breach.altitude_m, 0)} m"
        f" {reach}, where only {breach.peer} may be while their fallback applies"
    )


def exit_code_of(error: Exception) -> int:
    """Return the exit code of an error: 3 where the answer is not known, 2 where it is no."""
    from keepclear.adapters.http.client import NodeAnswerError, NodeRefusedError, NodeUnreachableError
    from keepclear.node.outcomes import StoreError

    match error:
        case NodeUnreachableError() | NodeAnswerError():
            return EXIT_CANNOT_DECIDE
        case NodeRefusedError(status=status):
            return EXIT_CANNOT_DECIDE if status >= _SERVER_FAULT else EXIT_BAD_INPUT
        case StoreError(may_pass=may_pass):
            return EXIT_CANNOT_DECIDE if may_pass else EXIT_BAD_INPUT
        case _:
            return EXIT_BAD_INPUT


def default_url() -> str:
    """Return the node that is asked if none is named: the variable's, the configuration's, or the usual.

    Raises:
        InvalidValueError: The configuration cannot be used, or does not tell where its node listens.
    """
    from keepclear.adapters.config import find_config, load_settings
    from keepclear.core.errors import InvalidValueError
    from keepclear.main.node import url_of

    named = os.environ.get(NODE_VARIABLE)
    if named:
        return named
    if find_config(None, os.environ, Path()) is None:
        return DEFAULT_URL
    settings = load_settings(None, environment=os.environ)
    if not settings.server.port:
        raise InvalidValueError("server.listen", "its port 0 takes any; name the node with --node")
    return url_of(settings, settings.server.port)
