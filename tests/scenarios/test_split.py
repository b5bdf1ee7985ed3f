"""The altitude split as people meet it: on the command line of two parties whose line is on hold."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.scenarios.parties import agree, operation, pair, parties, run, until


@pytest.mark.slow
def test_while_the_line_is_on_hold_each_side_keeps_to_its_half_and_who_does_not_is_named(
    tmp_path: Path,
) -> None:
    with parties(tmp_path, "alpha", "bravo") as (alpha, bravo):
        pair(alpha, bravo)
        fallback = {"split": {"below": "alpha", "altitude_m": 3000.0}}
        agree(alpha, bravo, fallback=fallback, hotline={}, catalogue="")
        assert "alpha then below 3,000 m" in alpha.keepclear("agree", "show")
        bravo.declare(operation("B-1", lower_m=2_800.0, start_min=300.0))
        until(lambda: alpha.holds("bravo:B-1"), "B-1 at alpha")
        alpha.keepclear("hold", "bravo", "by order")
        refused = alpha.declare(operation("A-1", lower_m=2_700.0), code=1)
        assert "refused: it conflicts" in refused
        assert "is to stay below 3,000 m while the" in refused
        alpha.declare(operation("A-1", lower_m=2_600.0))

        told = run("check", "--node", alpha.url, env=alpha.env, code=1).stdout
        assert "SPLIT BROKEN: bravo:B-1 of bravo reaches below 3,000 m by 200 m" in " ".join(told.split())
        assert "1 ALTITUDE SPLIT BROKEN" in told
        found = json.loads(
            run("check", "--node", alpha.url, "--format", "json", env=alpha.env, code=1).stdout
        )
        assert found["checked"]["answer"] == "conflict"
        assert found["conflicts"] == []
        (breach,) = found["breaches"]
        assert (breach["id"], breach["stays"], breach["reach_m"]) == ("bravo:B-1", "above", 200.0)
        rows = run("check", "--node", alpha.url, "--format", "csv", env=alpha.env, code=1).stdout
        (row,) = csv.DictReader(io.StringIO(rows))
        assert (row["verdict"], row["a_id"], row["b_party"]) == ("split_breach", "bravo:B-1", "alpha")
        places = json.loads(
            run("check", "--node", alpha.url, "--format", "geojson", env=alpha.env, code=1).stdout
        )
        assert places["features"][0]["geometry"] is None
        status = " ".join(alpha.keepclear("status", "bravo:B-1", code=1).replace("│", " ").split())
        assert "conflicting; SPLIT BROKEN" in status

        alpha.keepclear("resume", "bravo")
        assert "CLEAR" in run("check", "--node", alpha.url, env=alpha.env).stdout
