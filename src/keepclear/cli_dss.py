"""The options of `keepclear serve --role dss`, and what it does with them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from keepclear.cli_io import say

LISTEN_DEFAULT: Final = "127.0.0.1:8082"
_EVERY_ADDRESS: Final = ("0.0.0.0", "::")
_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS: Final = (
    click.option(
        "--database",
        metavar="URL",
        envvar="KEEPCLEAR_DSS_DATABASE",
        help="Where references are kept: sqlite:PATH, or postgresql://USER@HOST/NAME for several processes; "
        "memory: keeps nothing. Also KEEPCLEAR_DSS_DATABASE.  [default: sqlite:dss.db]",
    ),
    click.option(
        "--trust-key",
        "trust_keys",
        multiple=True,
        metavar="FILE|URL",
        help="Public keys, PEM or JWKS, of an issuer who may speak for everybody; may be given again.",
    ),
    click.option(
        "--issuers",
        type=_FILE,
        metavar="FILE",
        help="A TOML file of [[dss.issuer]]: who may speak for whom, each with its keys.",
    ),
    click.option(
        "--audience",
        "audiences",
        multiple=True,
        metavar="HOST",
        help="A host name that it is called by, which tokens must name (aud); may be given again.  "
        "[default: the host of --listen, and localhost]",
    ),
    click.option("--allow-http-base-urls", is_flag=True, help="Take base URLs of http, to try out."),
    click.option(
        "--replay-guard", is_flag=True, help="Take each token once only; clients must be made for that."
    ),
    click.option(
        "--instance",
        metavar="NAME",
        envvar="KEEPCLEAR_DSS_INSTANCE",
        help="How this process is called among several. Also KEEPCLEAR_DSS_INSTANCE.  [default: keepclear]",
    ),
    click.option(
        "--public-url",
        metavar="URL",
        help="Where others reach it, as it tells its pool.  [default: where it listens]",
    ),
    click.option(
        "--tls-certificate", type=_FILE, metavar="FILE", help="Serve https with this certificate chain, PEM."
    ),
    click.option("--tls-key", type=_FILE, metavar="FILE", help="The private key of the certificate, PEM."),
)


class ServeCommand(click.Command):
    """A command whose help shows the options of a DSS by themselves."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of a DSS after the others."""
        names = _names()
        shown = [(option.name in names, option.get_help_record(ctx)) for option in self.get_params(ctx)]
        for title, is_of_dss in (("Options", False), ("Options of a DSS (--role dss)", True)):
            with formatter.section(title):
                formatter.write_dl([record for of_dss, record in shown if record and of_dss is is_of_dss])


def dss_options() -> Callable[[_F], _F]:
    """Return what adds the options of a DSS to a command."""

    def added(command: _F) -> _F:
        for option in reversed(_OPTIONS):
            command = option(command)
        return command

    return added


def refuse_dss_options() -> None:
    """End the command where an option of a DSS was given for a node."""
    ctx, names = click.get_current_context(), _names()
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} is for a DSS: add --role dss")


def _names() -> frozenset[str]:
    return frozenset(inspect.signature(serve_dss).parameters) - {"listen"}


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
    if host in _EVERY_ADDRESS and not audiences:
        raise click.UsageError(
            f"{host} is every address, and no name that tokens could be for: give --audience HOST, once for"
            " each host name that the service is called by"
        )
    if public_url and not public_url.startswith(("https://", "http://")):
        raise click.BadParameter(
            f"{public_url!r} is no URL; write https://dss.example", param_hint="'--public-url'"
        )
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError("--tls-certificate and --tls-key belong together: give both, or neither")
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
        reason = f"{text!r} is not HOST:PORT; write such as {LISTEN_DEFAULT}"
        raise click.BadParameter(reason, param_hint="'--listen'")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _issuers(path: Path) -> list[dict[str, Any]]:
    import tomllib

    from keepclear.core.errors import InvalidValueError

    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidValueError(f"--issuers {path}", f"it cannot be read: {error}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidValueError(f"--issuers {path}", f"it is not TOML: {error}") from None
    table = read.get("dss")
    table = table if isinstance(table, dict) else {}
    found = table.get("issuer")
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        reason = 'it holds no issuer; write [[dss.issuer]] with name = "https://..." and keys = "FILE"'
        raise InvalidValueError(f"--issuers {path}", reason)
    # A name that is misspelt would else leave an issuer out, or leave one unbound.
    others = [*(read.keys() - {"dss"}), *(f"dss.{name}" for name in table.keys() - {"issuer"})]
    if others:
        reason = f"{others[0]!r} is not known; the file holds [[dss.issuer]] and nothing else"
        raise InvalidValueError(f"--issuers {path}", reason)
    return found
