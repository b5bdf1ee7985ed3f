"""The command that makes tokens of one's own, to try a service out with.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from keepclear.cli_client import told_faults
from keepclear.cli_io import put, say

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
_LIFETIME_S: Final = 3_600  # the longest; not imported, for the start of every command would take longer


@click.command("dev-token")
@click.option(
    "--key", "key_file", default="dev-key.pem", metavar="FILE", show_default=True, help="The private key."
)
@click.option("--subject", default="uss1", metavar="NAME", show_default=True, help="Whose token it is (sub).")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("utm.strategic_coordination",),
    metavar="SCOPE",
    show_default=True,
    help="What it may do; may be given again.",
)
@click.option(
    "--audience",
    "audiences",
    multiple=True,
    default=("localhost",),
    metavar="HOST",
    show_default=True,
    help="The host name that the service is called by (aud); may be given again.",
)
@click.option(
    "--issuer",
    default="https://dev-token.example",
    metavar="TEXT",
    show_default=True,
    help="Who says so (iss).",
)
@click.option(
    "--lifetime-s",
    type=click.IntRange(1, _LIFETIME_S),
    default=_LIFETIME_S,
    show_default=True,
    help="For how many seconds it is good.",
)
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    help="What a new key signs with.  [default: RS256, or that of the key]",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON: token, claims and files.")
def dev_token(
    key_file: str,
    subject: str,
    scopes: tuple[str, ...],
    audiences: tuple[str, ...],
    issuer: str,
    lifetime_s: int,
    algorithm: str | None,
    as_json: bool,
) -> None:
    """Print an access token of your own making, FOR TRYING OUT ONLY.

    At first it makes a key: dev-key.pem, which only you can read, and dev-key.pub.pem, which a service is
    told to trust by --trust-key. Who has dev-key.pem may be anybody there, so no service that others rely on
    may trust it. These are tokens of ASTM F3548-21 and F3411-22a; tokens of a node's API are made by
    keepclear token issue.

    \b
    Examples:
      keepclear dev-token > uss1.token
      keepclear dev-token --subject uss2 --scope utm.constraint_management --audience dss.example
      curl -H "Authorization: Bearer $(keepclear dev-token)" http://localhost:8082/aux/v1/validate_oauth
    """
    from keepclear.adapters.clock import now
    from keepclear.adapters.tokens.minting import (
        load_minter,
        make_minter,
        public_file_of,
        write_minter,
        write_public,
    )
    from keepclear.adapters.tokens.public_keys import Algorithm
    from keepclear.core.errors import InvalidValueError

    file = Path(key_file)
    with told_faults():
        if file.exists():
            minter = load_minter(file)
            if algorithm not in (None, minter.algorithm.value):
                reason = f"it signs with {minter.algorithm.value}; leave --algorithm out, or name a new file"
                raise InvalidValueError(key_file, reason)
            if not public_file_of(file).exists():
                write_public(file, minter)
        else:
            minter = make_minter(Algorithm(algorithm or "RS256"))
            write_minter(file, minter)
            say(f"key made: {file} is private, {public_file_of(file)} is to be trusted")
        claims = minter.claims(
            now(), subject=subject, scopes=scopes, audiences=audiences, issuer=issuer, lifetime_s=lifetime_s
        )
    token = minter.token(claims)
    answer = {"token": token, "claims": claims, "key": str(file), "public_key": str(public_file_of(file))}
    put((json.dumps(answer, indent=2) if as_json else token).encode() + b"\n")
    say("for trying out only: whoever has this key may be anybody at a service that trusts it")
