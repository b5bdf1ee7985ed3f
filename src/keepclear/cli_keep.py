"""The commands that make, run and keep a node, on the machine that it runs on.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_client import told_faults
from keepclear.cli_dss import ServeCommand, dss_options, refuse_dss_options, serve_dss
from keepclear.cli_io import (
    EXIT_BAD_INPUT,
    EXIT_CANNOT_DECIDE,
    EXIT_CLEAR,
    EXIT_CONFLICT,
    Command,
    format_option,
    invalid,
    progress_bar,
    put,
    refuse_given,
    say,
)
from keepclear.cli_officer import OF_OFFICER, OF_ROOT, new_passphrase, passphrase_option

if TYPE_CHECKING:
    from keepclear.adapters.settings import Settings
    from keepclear.main.demo_node import Shown
    from keepclear.main.keys import Wanted

ROLES: Final = ("viewer", "duty_officer", "administrator")
_LISTEN_VARIABLE: Final = "KEEPCLEAR_SERVER_LISTEN"
_PORT_LAST: Final = 65_535


def _config_option() -> Command:
    return click.option(
        "--config", metavar="FILE", help="The configuration.  [default: KEEPCLEAR_CONFIG, or keepclear.toml]"
    )


def _settings(config: str | None) -> Settings:
    from keepclear.adapters.config import load_settings

    return load_settings(config, environment=os.environ)


@click.command()
@click.argument("folder", default=".", metavar="[FOLDER]")
@click.option("--party", required=True, metavar="ID", help="The id of the party whose node it is.")
@click.option("--name", metavar="TEXT", help="How people call the party.  [default: its id]")
@click.option("--person", metavar="TEXT", help="Who its administrator is.  [default: your login name]")
@click.option("--officer", metavar="NAME", help="Its first duty officer.  [default: the administrator]")
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="Where the nodes of others reach it.  [default: by carried file only]",
)
@click.option(
    "--listen", metavar="HOST:PORT", help="Where its API and console are.  [default: 127.0.0.1:8421]"
)
@click.option("--without-keys", is_flag=True, help="Make no keys: a node that talks to no other.")
@passphrase_option("the root key and the officer's key")
@click.pass_context
def init(
    ctx: click.Context,
    folder: str,
    party: str,
    name: str | None,
    person: str | None,
    officer: str | None,
    address: str | None,
    listen: str | None,
    without_keys: bool,
    passphrase_file: str | None,
) -> None:
    """Make what a node needs in FOLDER: configuration, database, an administrator's token, and keys.

    The root key and the officer's key are locked with passphrases, which are asked for. Nothing that is
    there is written over, and after an error nothing is left behind.

    \b
    Examples:
      keepclear init --party relief
      keepclear init /srv/keepclear --party north --name "North Force" --person dana --officer dana \\
          --address north.example:8441
      keepclear init --party relief --without-keys
    """
    from keepclear.main import init as making
    from keepclear.main import node

    administrator = person or _login_name()
    if without_keys:
        refuse_given(ctx, ("officer", "address", "passphrase_file"), "makes no sense with --without-keys")
    with told_faults():
        wanted = None if without_keys else _wanted(officer or administrator, address, passphrase_file)
        made = making.init(Path(folder), party, name or party, administrator, wanted=wanted, listen=listen)
    days = (made.grant.expires - node.now()).days + 1
    lines = [
        f"configuration  {made.config}",
        f"database       {made.database}",
        f"token          {made.token_file} ({made.grant.actor.person}, administrator, {days} days)",
        *([] if made.keys is None else _keys_told(made.keys, officer or administrator)),
        "",
        "Next:",
        *([] if folder == "." else [f"  cd {folder}"]),
        "  keepclear serve      runs the node, and tells its URL",
        *([] if made.keys is None else ["  keepclear pair card  writes what another party pairs with"]),
        "  keepclear doctor     looks whether this machine can",
        "The token file is read by commands, and its content signs you in to the console.",
    ]
    put("".join(f"{line}\n" for line in lines).encode())


def _wanted(officer: str, address: str | None, passphrase_file: str | None) -> Wanted:
    """Ask for passphrases; two, where they are asked for: the root key is carried away."""
    from keepclear.main.keys import Wanted

    root = new_passphrase("the root key", passphrase_file, OF_ROOT)
    return Wanted(
        officer=officer,
        root_passphrase=root,
        officer_passphrase=new_passphrase(f"the key of {officer}", passphrase_file, OF_OFFICER),
        address=address or "",
    )


def _keys_told(keys: Path, officer: str) -> list[str]:
    return [
        f"keys           {keys}: of the node, of its TLS, and of the officer {officer}",
        f"root key       {keys / 'root.key'}",
        "",
        "Carry the root key away: copy root.key to two places that are off this machine, try that you can",
        "read it there, and delete it here. It is needed to add officers and to revoke keys, and nothing",
        "can replace it.",
    ]


def _login_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # KeyError before Python 3.13
        raise click.UsageError("this machine does not tell who you are; say it with --person") from None


@click.command(cls=ServeCommand)
@click.option(
    "--role",
    type=click.Choice(["node", "dss"]),
    default="node",
    show_default=True,
    help="A node of a party; or a DSS, which software of drone operators speaks to (ASTM F3548-21, F3411).",
)
@click.option(
    "--config",
    metavar="FILE",
    help="The configuration of a node; a DSS has none.  [default: KEEPCLEAR_CONFIG, or keepclear.toml]",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Where to listen.  [default: as the configuration of a node says; a DSS: 127.0.0.1:8082]",
)
@dss_options()
def serve(role: str, config: str | None, listen: str | None, **dss: Any) -> None:
    """Run a node, or a DSS, until it is told to stop by SIGTERM or SIGINT (Ctrl+C).

    The URL and the log go to the standard error. Exit code 0: it was stopped. With --role dss it runs a
    Discovery and Synchronization Service, which has no party and no configuration; these options say all.

    \b
    Examples:
      keepclear serve
      keepclear serve --config /srv/keepclear/keepclear.toml --listen 127.0.0.1:9000
      keepclear serve --role dss --database sqlite:dss.db --trust-key dev-key.pub.pem
      keepclear serve --role dss --database postgresql://keepclear@db.example/keepclear --instance dss-1 \\
          --trust-key https://auth.example/jwks.json --audience dss.example
    """
    gc.enable()  # short commands run without; a node runs for months
    if role == "dss":
        if config is not None:
            raise click.UsageError("--config is for a node; leave it out: a DSS is told all by its options")
        with told_faults():
            serve_dss(listen, **dss)
        return
    refuse_dss_options()
    _serve_node(config, listen)


def _serve_node(config: str | None, listen: str | None) -> None:
    from keepclear.adapters.config import load_settings
    from keepclear.core.errors import InvalidValueError
    from keepclear.main import node

    environment = dict(os.environ)
    if listen is not None:
        environment[_LISTEN_VARIABLE] = listen
    with told_faults():
        try:
            settings = load_settings(config, environment=environment)
        except InvalidValueError as error:
            if listen is not None and error.field == _LISTEN_VARIABLE:
                raise click.BadParameter(error.reason, param_hint="'--listen'") from None
            raise
        node.run(settings, started=lambda url: say(f"serving on {url}"))


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, _PORT_LAST),
    help="Where the first console is; the others are behind it.  [default: the first free from 8421]",
)
@click.option(
    "--speed", type=float, default=1.0, show_default=True, help="How many times faster its clock runs."
)
@click.option(
    "--world",
    type=click.Choice(["alps", "wildfire"]),
    default="alps",
    show_default=True,
    help="Real flights over Switzerland, or wildfire aircraft over California.",
)
@click.option("--open", "opens", is_flag=True, help="Open the consoles in the browser.")
def demo(port: int | None, speed: float, world: str, opens: bool) -> None:
    """Show three nodes of three invented parties with real tracks, until Ctrl+C; nothing of it is kept.

    Each node has its own database, keys and console, and the links between them can be cut and mended.

    \b
    Examples:
      keepclear demo --open
      keepclear demo --port 9000 --speed 10
    """
    from keepclear.main.demo import run_demo

    def started(shown: Sequence[Shown]) -> None:
        _tell_of_demo(shown)
        if opens:
            for each in shown:
                _open_browser(each.url)

    gc.enable()  # short commands run without; this one may run for hours
    with told_faults():
        run_demo(port=port, speed=speed, world=world, started=started)


def _tell_of_demo(shown: Sequence[Shown]) -> None:
    from keepclear.main.demo_node import PASSPHRASE

    first, second, third = shown
    say("serving a demonstration: three parties, three nodes, linked by mutual TLS")
    for each in shown:
        say(f"  {each.name:<20} {each.url}   {each.folder}")
    say("  look  open them side by side in a browser; no token is needed")
    say(f"  try   at {first.name}, cut both links and declare something: it is at no other node;")
    say(f"        mend one, and it comes to both, as {second.name} and {third.name} hand on what they have")
    say(f"  or    cd {first.folder}")
    say(f"        keepclear link cut {second.party}; keepclear status; keepclear link mend {second.party}")
    say(f'        keepclear ack --all     (the passphrase is "{PASSPHRASE}")')
    say("  Ctrl+C ends all three and removes what they made.")


def _open_browser(url: str) -> None:
    """Open a page beside what runs: starting a browser may take seconds."""
    import threading
    import webbrowser

    def opening() -> None:
        if not webbrowser.open(url):
            say(f"no browser could be opened; open {url} yourself")

    threading.Thread(target=opening, name="browser", daemon=True).start()


@click.command()
@click.argument("target", metavar="TARGET")
@_config_option()
def backup(target: str, config: str | None) -> None:
    """Copy the database of a node into the file TARGET, also while it runs; the copy is checked.

    \b
    Examples:
      keepclear backup before-update.sqlite3
      keepclear backup "/backups/$(date -u +%Y%m%dT%H%M%SZ).sqlite3" --config /srv/keepclear/keepclear.toml
    """
    from keepclear.adapters.store.backup import back_up

    with told_faults(), progress_bar("copying") as progress:
        database = _settings(config).node.database
        content = back_up(database, Path(target), progress=progress or (lambda _done, _total: None))
    put(f"{target}: {content.item_count:,} items, log up to {content.last_seq:,}; checked\n".encode())


@click.command()
@click.argument("backup_file", metavar="BACKUP")
@click.option("--replace", is_flag=True, help="Move a database that is there aside.")
@_config_option()
def restore(backup_file: str, replace: bool, config: str | None) -> None:
    """Put the file BACKUP in the place of the database of a node that is stopped.

    The backup is checked first. A database that is there is never lost: it is moved aside.

    \b
    Examples:
      keepclear restore before-update.sqlite3 --replace
    """
    from keepclear.adapters.store import backup as backups
    from keepclear.main import node

    with told_faults():
        database = _settings(config).node.database
        content, aside = backups.restore(Path(backup_file), database, node.now(), replaces=replace)
    lines = [f"{database}: {content.item_count:,} items, log up to {content.last_seq:,}; checked"]
    if aside is not None:
        lines.append(f"{aside}: what was there before")
    put("".join(f"{line}\n" for line in lines).encode())


@click.command()
@_config_option()
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_context
def doctor(ctx: click.Context, config: str | None, as_json: bool) -> None:
    """Look whether this machine can run the node: clock, disk, database, port and more.

    Nothing is changed. Exit codes: 0 good, or with warnings; 1 something failed; 3 something could not
    be looked at.

    \b
    Examples:
      keepclear doctor
      keepclear doctor --config /srv/keepclear/keepclear.toml --json
    """
    from keepclear.adapters.doctor import Outcome, worst
    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table
    from keepclear.main import node

    checks = node.diagnose(config, os.environ)
    if as_json:
        rows: list[dict[str, Any]] = [
            {"name": each.name, "outcome": each.outcome.value, "detail": each.detail, "way_out": each.way_out}
            for each in checks
        ]
        put(pretty_json({"outcome": worst(checks).value, "checks": rows}))
    else:
        cells = [(each.name, each.outcome.value, each.detail, each.way_out or "") for each in checks]
        put(rows_table(("", "outcome", "what was found", "what to do"), cells))
    found = {each.outcome for each in checks}
    if Outcome.FAILED in found:
        ctx.exit(EXIT_CONFLICT)
    ctx.exit(EXIT_CANNOT_DECIDE if Outcome.UNCHECKED in found else EXIT_CLEAR)


@click.group()
def config() -> None:
    """Look at the configuration of a node.

    \b
    Examples:
      keepclear config show
    """


@config.command("show")
@_config_option()
@format_option("table", "json")
def config_show(config: str | None, form: str) -> None:
    """Show every setting that is in force, and where its value comes from.

    \b
    Examples:
      keepclear config show
      keepclear config show --config /srv/keepclear/keepclear.toml --format json
    """
    from keepclear.adapters.config_text import explained_json, explained_table

    with told_faults():
        settings = _settings(config)
        put(explained_json(settings) if form == "json" else explained_table(settings))


@click.group()
def token() -> None:
    """Issue, list and revoke the tokens of a node, in its database; the node may be running.

    \b
    Examples:
      keepclear token issue --person dana --role duty_officer
    """


@token.command("issue")
@click.option("--person", required=True, metavar="TEXT", help="Whom it is for.")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What that person may do.")
@click.option("--party", metavar="ID", help="The party of the person.  [default: that of the node]")
@click.option("--days", type=float, default=90.0, show_default=True, help="For how long it is good.")
@click.option(
    "--output", "-o", metavar="FILE", help="Write the token into a new file that only you can read."
)
@_config_option()
def token_issue(
    person: str, role: str, party: str | None, days: float, output: str | None, config: str | None
) -> None:
    """Issue a token. Its secret is shown this once, or written to a file; it is not kept.

    A role may also do what those before it may: a viewer looks, a duty officer declares for the party,
    an administrator issues tokens.

    \b
    Examples:
      keepclear token issue --person dana --role duty_officer --output dana.token
      keepclear token issue --person kim --party north --role viewer --days 7
    """
    from keepclear.adapters.token_file import write_token
    from keepclear.core.errors import InvalidValueError
    from keepclear.main import node
    from keepclear.node.access import Role

    if output is not None and Path(output).exists():
        say(f"error: {output}: it exists already; move it away first")
        raise SystemExit(EXIT_BAD_INPUT)
    with told_faults():
        settings = _settings(config)
        try:
            grant, secret = node.issue_token(settings, person, Role(role), party=party, days=days)
        except InvalidValueError as error:
            raise invalid(error, f"--{error.field}") from None
        if output is None:
            put(f"{secret}\n".encode())
        else:
            try:
                write_token(Path(output), secret)
            except InvalidValueError:
                with node.opened_access(settings) as access:  # nobody has it
                    access.revoke(grant.token_id)
                raise
    until = _to_the_second(grant.expires)
    told = f"token {grant.token_id} for {grant.actor.person} of {grant.actor.party}: {role}, until {until}"
    say(told if output is None else f"{told}; written to {output}")


def _to_the_second(instant: datetime) -> str:
    from keepclear.core.times import rfc3339

    return rfc3339(instant.replace(microsecond=0))


@token.command("list")
@format_option("table", "json")
@_config_option()
def token_list(form: str, config: str | None) -> None:
    """List all tokens, those that expired or were revoked too, without their secrets.

    \b
    Examples:
      keepclear token list
    """
    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table
    from keepclear.main import node

    with told_faults(), node.opened_access(_settings(config)) as access:
        rows = [
            {
                "id": row.grant.token_id,
                "party": row.grant.actor.party,
                "person": row.grant.actor.person,
                "role": row.grant.role.value,
                "created": _to_the_second(row.created),
                "expires": _to_the_second(row.grant.expires),
                "revoked": None if row.revoked is None else _to_the_second(row.revoked),
            }
            for row in access.tokens()
        ]
    if form == "json":
        put(pretty_json({"tokens": rows}))
        return
    headings = ("id", "party", "person", "role", "created", "expires", "revoked")
    put(rows_table(headings, [[str(row[heading] or "") for heading in headings] for row in rows]))


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@_config_option()
def token_revoke(token_id: str, config: str | None) -> None:
    """Revoke the token with this ID and end its sessions at once.

    \b
    Examples:
      keepclear token revoke 0f3a9c21be47
    """
    from keepclear.main import node

    with told_faults(), node.opened_access(_settings(config)) as access:
        access.revoke(token_id)
    put(f"token {token_id} is revoked\n".encode())
