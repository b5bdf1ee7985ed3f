"""The options of `keepclear serve --role dss`, and what it does with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from keepclear.cli_io import say

LISTEN_DEFAULT: Final = "127.0.0.1:8082"
_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS: Final = (
    click.option(
        "--database",
        metavar="URL",
        envvar="KEEPCLEAR_DSS_DATABASE",
        help="DSS: sqlite:PATH, or postgresql://... for several processes.  [default: sqlite:dss.db]",
    ),
    click.option(
        "--trust-key",
        "trust_keys",
        multiple=True,
        metavar="FILE|URL",
        help="DSS: public keys of an issuer of tokens, PEM or JWKS; may be given again.",
    ),
    click.option(
        "--issuers",
        type=_FILE,
        help="DSS: a TOML file of [[dss.issuer]]: who may speak for whom, each with its keys.",
    ),
    click.option(
        "--audience",
        "audiences",
        multiple=True,
        metavar="HOST",
        help="DSS: a name that tokens are meant for; may be given again.  [default: the host of --listen]",
    ),
    click.option("--allow-http-base-urls", is_flag=True, help="DSS: take base URLs of http, to try out."),
    click.option("--replay-guard", is_flag=True, help="DSS: take each token once only."),
    click.option("--instance", metavar="NAME", help="DSS: how this process is called among several."),
    click.option("--public-url", metavar="URL", help="DSS: where it is reached from outside."),
    click.option("--tls-certificate", type=_FILE, help="DSS: serve https with this certificate."),
    click.option("--tls-key", type=_FILE, help="DSS: the key of the certificate."),
)


def dss_options() -> Callable[[_F], _F]:
    """Return what adds the options of a DSS to a command."""

    def added(command: _F) -> _F:
        for option in reversed(_OPTIONS):
            command = option(command)
        return command

    return added


def refuse_dss_options() -> None:
    """End the command where an option of a DSS was given for a node."""
    ctx = click.get_current_context()
    for parameter in ctx.command.params:
        is_of_dss = isinstance(parameter, click.Option) and (parameter.help or "").startswith("DSS:")
        source = ctx.get_parameter_source(parameter.name or "")
        if is_of_dss and source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} is for --role dss")


def serve_dss(
    listen: str | None,
    *,
    database: str | None,
    trust_keys: tuple[str, ...],
    issuers: Path | None,
    audiences: tuple[str, ...],
    allow_http_base_urls: bool,
    replay_guard: bool,
    instance: str | None,
    public_url: str | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> None:
    """Run a DSS until it is told to stop."""
    from keepclear.main.dss import DssSettings, run

    host, port = _address(listen or LISTEN_DEFAULT)
    if not trust_keys and issuers is None:
        raise click.UsageError(
            "a DSS must know whose tokens to take: give --trust-key FILE. To try out:\n"
            "  keepclear dev-token --key dev-key.pem > token\n"
            "  keepclear serve --role dss --trust-key dev-key.pub.pem"
        )
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError("--tls-certificate and --tls-key belong together")
    settings = DssSettings(
        host=host,
        port=port,
        database=database or "sqlite:dss.db",
        trusted=trust_keys,
        issuers=() if issuers is None else _issuers(issuers),
        folder=None if issuers is None else issuers.parent,
        audiences=audiences or tuple(dict.fromkeys((host, "localhost"))),
        allows_http=allow_http_base_urls,
        guards_replays=replay_guard,
        instance=instance or "keepclear",
        public_url=public_url or "",
        tls_certificate=tls_certificate,
        tls_key=tls_key,
    )
    run(settings, started=lambda url: say(f"serving a DSS on {url}"))


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter(f"{text!r} is not HOST:PORT", param_hint="'--listen'")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _issuers(path: Path) -> list[dict[str, Any]]:
    import tomllib

    from keepclear.core.errors import InvalidValueError

    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidValueError(f"--issuers {path}", str(error)) from None
    found = read.get("dss", {}).get("issuer", []) if isinstance(read.get("dss", {}), dict) else []
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        reason = 'it holds no issuer; write [[dss.issuer]] with name = "https://..." and keys = "FILE"'
        raise InvalidValueError(f"--issuers {path}", reason)
    return found
