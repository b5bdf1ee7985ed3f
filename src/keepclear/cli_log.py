"""The commands for evidence: logs, their proofs and exports, bundles that are carried.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from keepclear.cli_client import node_options, opened_node, told_faults
from keepclear.cli_io import EXIT_BAD_INPUT, EXIT_CLEAR, EXIT_CONFLICT, output_option, put, say
from keepclear.cli_officer import json_option

if TYPE_CHECKING:
    from keepclear.adapters.http.talking import BundleTold

VERIFIER_NAME: Final = "verify_export.py"
"""The file that a third person needs besides an export."""


@click.group()
def log() -> None:
    """Export logs, prove entries, and verify what others export; no node is needed to verify.

    \b
    Examples:
      keepclear log export -o alpha.json
      keepclear log verify alpha.json
    """


@log.command("verify")
@click.argument("file", metavar="[FILE]", required=False)
@click.option(
    "--root", "roots", multiple=True, metavar="KEY", help="A root key that you trust; may be given again."
)
@node_options()
@click.pass_context
def log_verify(ctx: click.Context, file: str | None, roots: tuple[str, ...]) -> None:
    """Verify the export FILE, offline; without FILE, the logs of all parties that the node holds.

    KEY is a root key's fingerprint, as log export prints it. Without one, the keys in the export are
    believed: then all that is shown is that the export agrees with itself.

    Exit codes: 0 verified; 1 refused, with the reason; 2 it cannot be read.

    \b
    Examples:
      keepclear log verify alpha.json --root 7c1e...
      keepclear log verify
    """
    from keepclear import verify_export

    if file is not None:
        with told_faults():
            ctx.exit(verify_export.main([file, *(word for root in roots for word in ("--root", root))]))
    with opened_node(ctx) as client:
        exports = {each.id: client.export(each.id) for each in client.parties() if each.log is not None}
    is_refused = False
    for party, data in exports.items():
        try:
            lines = verify_export.verify(data, roots)
        except verify_export.Refused as error:
            lines, is_refused = [f"REFUSED: {party}: {error}"], True
        put("".join(f"{line}\n" for line in lines).encode())
    ctx.exit(EXIT_CONFLICT if is_refused else EXIT_CLEAR)


@log.command("export")
@click.argument("party", metavar="[PARTY]", required=False)
@click.option("--output", "-o", required=True, metavar="FILE", help="Where the export goes.")
@node_options()
@click.pass_context
def log_export(ctx: click.Context, party: str | None, output: str) -> None:
    """Write the log of PARTY, or your own, into a file that anybody can verify offline.

    The verifier, one file, is written beside it. Tell whoever verifies the fingerprint of the root key by
    another way than the file.

    \b
    Examples:
      keepclear log export -o alpha.json
      keepclear log export bravo -o bravo.json
    """
    from keepclear.adapters.files import read_bytes

    verifier = Path(output).resolve().parent / VERIFIER_NAME
    source = Path(__file__).with_name(VERIFIER_NAME).read_bytes()
    with opened_node(ctx) as client:
        name = party or client.party
        data = client.export(name)
        if verifier.exists() and read_bytes(str(verifier)) != source:
            say(f"error: {verifier}: another file of this name is there; move it away first")
            ctx.exit(EXIT_BAD_INPUT)
    put(data, output)
    put(source, str(verifier))
    fingerprint = _fingerprint(data)
    told = [
        f"{output}: the log of {name}",
        f"{verifier.name}: verifies it, beside it",
        f"root key: {fingerprint}",
        "Whoever has both files, Python and its package cryptography runs:",
        f"  python {VERIFIER_NAME} {Path(output).name} --root {fingerprint}",
    ]
    put("".join(f"{line}\n" for line in told).encode())


def _fingerprint(export: bytes) -> str:
    """Return the fingerprint of the root key that an export rests on, as the verifier takes it."""
    import base64
    import hashlib
    import json

    (log_told,) = json.loads(export)["logs"]
    return hashlib.sha256(base64.b64decode(log_told["root_key"])).hexdigest()[:32]


@log.command("prove")
@click.argument("party", metavar="PARTY")
@click.argument("n", metavar="N", type=click.IntRange(min=0))
@output_option()
@node_options()
@click.pass_context
def log_prove(ctx: click.Context, party: str, n: int, output: str | None) -> None:
    """Write the proof that entry N is in the log of PARTY, with the witnesses' signatures (C2SP tlog-proof).

    \b
    Examples:
      keepclear log prove alpha 7 -o entry-7.proof
    """
    with opened_node(ctx) as client:
        put(client.proof(party, n), output)


@log.command("speak")
@node_options()
@click.pass_context
def log_speak(ctx: click.Context) -> None:
    """Have the node sign again after a restore, though not every party was heard.

    After a backup was put in place a node signs nothing until each other party was heard by a link: it may
    hold more of this party's log. If one of them holds more and this node signs all the same, that is a
    second story, and the others will refuse its log from then on.

    \b
    Examples:
      keepclear log speak
    """
    with opened_node(ctx) as client:
        client.speak()
    put(b"this node signs again\n")


# -- bundles ----------------------------------------------------------------------------------------


@click.group()
def bundle() -> None:
    """Carry statements by file where there is no network: the same as goes over a link.

    \b
    Examples:
      keepclear bundle export bravo -o to-bravo.kcb
      keepclear bundle import to-alpha.kcb
    """


@bundle.command("export")
@click.argument("party", metavar="PARTY")
@click.option("--output", "-o", required=True, metavar="FILE", help="Where the bundle goes.")
@click.option("--from-start", is_flag=True, help="Everything, whatever PARTY has shown that it has.")
@node_options()
@click.pass_context
def bundle_export(ctx: click.Context, party: str, output: str, from_start: bool) -> None:
    """Write what PARTY lacks into a file, receipts included.

    It is not secret from who carries it, and cannot be changed by them. An entry that PARTY may not read
    is in it by its hash only.

    \b
    Examples:
      keepclear bundle export bravo -o to-bravo.kcb
    """
    with opened_node(ctx) as client:
        data = client.bundle(party, from_start=from_start)
    put(data, output)
    put(f"{output}: {len(data):,} bytes for {party}\n".encode() if output != "-" else b"")


@bundle.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@node_options()
@json_option()
@click.pass_context
def bundle_import(ctx: click.Context, files: tuple[str, ...], as_json: bool) -> None:
    """Give the node bundles that were carried. To give one twice does no harm.

    Exit codes: 0 all was taken; 1 a part was refused, with the reason; 2 a file is no bundle.

    \b
    Examples:
      keepclear bundle import to-alpha.kcb
    """
    import msgspec

    from keepclear.adapters.files import read_bytes
    from keepclear.codec.results import pretty_json
    from keepclear.core.errors import InvalidValueError

    told: dict[str, BundleTold] = {}
    with opened_node(ctx) as client:
        for file in files:
            try:
                data = read_bytes(file)
            except InvalidValueError as error:
                raise error.within(file) from None
            told[file] = client.take_bundle(data)
    if as_json:
        put(pretty_json({"node": client.url, "files": {f: msgspec.to_builtins(t) for f, t in told.items()}}))
    else:
        put("".join(_bundle_lines(file, each) for file, each in told.items()).encode())
    ctx.exit(EXIT_CONFLICT if any(each.refused for each in told.values()) else EXIT_CLEAR)


def _bundle_lines(file: str, told: BundleTold) -> str:
    spans = [f"{span.party} {span.first} to {span.end - 1}" for span in told.taken]
    lines = [f"{file}: {'entries of ' + ', '.join(spans) if spans else 'nothing new'}"]
    lines.append(
        f"  {told.items} versions of items, {told.receipts} receipts; {told.cosigned} signed as witness"
    )
    for part in told.refused:
        proof = " (PROOF of two stories, kept as evidence)" if part.proof else ""
        lines.append(f"  REFUSED of {part.party}: {part.reason}{proof}")
    return "\n".join(lines) + "\n"


@click.command()
@node_options()
@json_option()
@click.pass_context
def evidence(ctx: click.Context, as_json: bool) -> None:
    """Show what proves that a party did not keep to its log: two stories that it signed.

    Exit codes: 0 there is none; 1 there is.

    \b
    Examples:
      keepclear evidence
      keepclear evidence --json > evidence.json
    """
    import msgspec

    from keepclear.codec.results import pretty_json
    from keepclear.codec.words import instant_text
    from keepclear.console.node_tables import rows_table

    with opened_node(ctx) as client:
        found = list(client.evidence())
    if as_json:
        put(pretty_json({"node": client.url, "evidence": [msgspec.to_builtins(each) for each in found]}))
    elif found:
        rows = [(str(each.id), each.party, instant_text(each.at), each.reason) for each in found]
        put(rows_table(("", "party", "found", "what it proves"), rows))
    else:
        put(b"no party is known to have told two stories\n")
    ctx.exit(EXIT_CONFLICT if found else EXIT_CLEAR)
