"""Who is let in, to what, and how a browser is kept from being used by somebody else's page."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepclear.adapters.http.endpoints import Endpoint
from keepclear.adapters.http.gate import ANONYMOUS_BODY_BYTES_MAX, COOKIE, CSRF_HEADER
from keepclear.adapters.settings import ServerSettings
from keepclear.adapters.store import access as access_module
from keepclear.adapters.store.access import (
    SESSION_S,
    SignInError,
    TokensFullError,
    UnknownTokenError,
)
from keepclear.node.access import Role
from tests.adapters.http.served import (
    OTHER,
    PARTY,
    URL,
    Described,
    Served,
    operation,
    path_of,
    serving,
)

HTTPS = "https://node.example"


def stored(served: Served) -> bytes:
    """Return everything that is on the disk."""
    return b"".join(path.read_bytes() for path in sorted(served.database.parent.rglob("*")) if path.is_file())


SESSION = f"{COOKIE}_8421"
"""The cookie of a session with the node at the usual port."""


def sign_in(served: Served, role: Role = Role.DUTY_OFFICER) -> str:
    """Sign a browser in, and return its token against forged requests."""
    response = served.ask("POST", "/v1/session", role=None, json={"token": served.tokens[role]})
    assert response.status_code == 200, response.text
    csrf: str = response.json()["csrf"]
    return csrf


# -- tokens -----------------------------------------------------------------------------------------


def test_no_secret_stands_in_the_database(served: Served) -> None:
    sign_in(served)
    cookie = served.client.cookies[SESSION]
    issued = served.ask(
        "POST", "/v1/tokens", role=Role.ADMINISTRATOR, json={"person": "Ada", "role": "viewer"}
    )
    on_disk = stored(served)
    assert b"Ada" in on_disk
    for secret in (*served.tokens.values(), issued.json()["token"], cookie):
        assert secret.encode() not in on_disk
        assert secret.removeprefix("kc_").encode() not in on_disk


def test_a_token_is_told_once_and_listed_without_its_secret(served: Served) -> None:
    issued = served.ask(
        "POST", "/v1/tokens", role=Role.ADMINISTRATOR, json={"person": "Ada", "role": "viewer", "days": 1}
    ).json()
    listed = served.ask("GET", "/v1/tokens", role=Role.ADMINISTRATOR)
    assert issued["token"] not in listed.text
    (found,) = [token for token in listed.json()["tokens"] if token["id"] == issued["id"]]
    assert found == {key: value for key, value in issued.items() if key != "token"}
    assert (found["party"], found["created"], found["expires"]) == (
        PARTY,
        "2026-05-01T12:00:00Z",
        "2026-05-02T12:00:00Z",
    )


def test_a_token_may_be_for_another_party(served: Served) -> None:
    body = {"person": "Nora", "role": "viewer", "party": OTHER}
    issued = served.ask("POST", "/v1/tokens", role=Role.ADMINISTRATOR, json=body).json()
    session = served.ask("GET", "/v1/session", token=issued["token"]).json()
    assert (session["party"], session["person"], session["role"]) == (OTHER, "Nora", "viewer")


def test_a_token_is_good_until_it_expires_and_not_after(served: Served) -> None:
    _, token = served.issued(Role.VIEWER, days=1.0)
    served.clock.advance(86_400.0)
    assert served.ask("GET", "/v1/items", token=token).status_code == 200
    served.clock.advance(0.001)
    refused = served.ask("GET", "/v1/items", token=token)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert "unknown, expired or revoked" in refused.json()["detail"]


def test_a_revoked_token_and_its_sessions_end_at_once(served: Served) -> None:
    grant, token = served.issued(Role.DUTY_OFFICER)
    served.ask("POST", "/v1/session", role=None, json={"token": token})
    assert served.ask("GET", "/v1/session", role=None).status_code == 200
    for _ in range(2):  # the second time changes nothing
        done = served.ask("DELETE", f"/v1/tokens/{grant.token_id}", role=Role.ADMINISTRATOR)
        assert done.status_code == 204
        served.clock.advance(1.0)
    assert served.ask("GET", "/v1/items", token=token).status_code == 401
    assert served.ask("GET", "/v1/session", role=None).status_code == 401
    rows = served.access.tokens()
    assert [row.revoked is not None for row in rows if row.grant.token_id == grant.token_id] == [True]


def test_revoking_a_token_that_there_is_not_is_told(served: Served) -> None:
    for token_id in ("nothing", "a/b", "%00", ""):
        refused = served.ask("DELETE", f"/v1/tokens/{token_id}", role=Role.ADMINISTRATOR)
        assert refused.status_code == 404
        assert "list the tokens" in refused.json()["detail"]


def test_what_cannot_be_a_token_is_none(served: Served) -> None:
    for token in ("", " ", "kc_", "x" * 5_000, "ÿ", served.tokens[Role.VIEWER][:-1], "' or 1=1 --"):
        assert served.ask("GET", "/v1/items", token=token.encode("latin-1")).status_code == 401


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "session", COOKIE])
def test_a_token_in_a_url_is_never_accepted(served: Served, name: str) -> None:
    token = served.tokens[Role.ADMINISTRATOR]
    assert served.ask("GET", f"/v1/items?{name}={token}", role=None).status_code == 401
    assert served.client.get(f"http://{token}@127.0.0.1:8421/v1/items", headers={}).status_code == 401


def test_another_scheme_than_bearer_does_not_count(served: Served) -> None:
    token = served.tokens[Role.VIEWER]
    assert served.ask("GET", "/v1/items", role=None, headers={"Authorization": token}).status_code == 401
    basic = {"Authorization": f"Basic {token}"}
    assert served.ask("GET", "/v1/items", role=None, headers=basic).status_code == 401
    small = {"Authorization": f"bearer  {token} "}
    assert served.ask("GET", "/v1/items", role=None, headers=small).status_code == 200


def test_at_the_limit_of_tokens_no_more_are_issued_until_one_is_revoked(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = len(served.access.tokens())
    monkeypatch.setattr(access_module, "TOKENS_MAX", good + 1)
    grant, _ = served.issued(Role.VIEWER)
    body = {"person": "Ada", "role": "viewer"}
    refused = served.ask("POST", "/v1/tokens", role=Role.ADMINISTRATOR, json=body)
    assert (refused.status_code, "revoke one first" in refused.json()["detail"]) == (409, True)
    with pytest.raises(TokensFullError):
        served.issued(Role.VIEWER)
    served.access.revoke(grant.token_id)
    assert served.ask("POST", "/v1/tokens", role=Role.ADMINISTRATOR, json=body).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"person": "", "role": "viewer"}, "person"),
        ({"person": "a\nb", "role": "viewer"}, "person"),
        ({"person": "x" * 257, "role": "viewer"}, "person"),
        ({"person": "Ada", "role": "viewer", "party": "\x00"}, "party"),
        ({"person": "Ada", "role": "chief"}, "role"),
        ({"person": "Ada", "role": "viewer", "days": 0}, "days"),
        ({"person": "Ada", "role": "viewer", "days": 366.5}, "days"),
        ({"person": "Ada", "role": "viewer", "dyas": 1}, "dyas"),
        ({"role": "viewer"}, "person"),
    ],
)
def test_what_is_wrong_with_a_token_to_issue_is_told(served: Served, body: object, field: str) -> None:
    refused = served.ask("POST", "/v1/tokens", role=Role.ADMINISTRATOR, json=body)
    assert refused.status_code == 400
    assert [problem["field"] for problem in refused.json()["problems"]] == [field]


def test_the_last_sessions_are_kept_when_there_are_too_many(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_module, "SESSIONS_MAX", 2)
    grant, _ = served.issued(Role.VIEWER)
    secrets = []
    for _ in range(3):
        secrets.append(served.access.sign_in(grant)[1])
        served.clock.advance(1.0)
    with pytest.raises(SignInError):
        served.access.session_of(secrets[0])
    assert served.access.session_of(secrets[1]).grant.role is Role.VIEWER
    assert served.access.session_of(secrets[2]).grant.role is Role.VIEWER


def test_an_unknown_token_is_named_by_its_error(served: Served) -> None:
    with pytest.raises(UnknownTokenError) as caught:
        served.access.revoke("nothing")
    assert caught.value.token_id == "nothing"


# -- roles ------------------------------------------------------------------------------------------


def asked_as(served: Served, endpoint: Endpoint, role: Role | None) -> int:
    """Ask something that is refused for other reasons where the role suffices, if it can be."""
    path = endpoint.path.replace("{id}", "nothing")
    if endpoint.path == "/v1/stream":
        path += "?after=x"
    body = (
        {"content": b"5", "headers": {"Content-Type": endpoint.media_types[0]}}
        if endpoint.media_types
        else {}
    )
    return served.ask(endpoint.method, path, role=role, **body).status_code


@pytest.mark.parametrize("role", [None, *Role])
def test_every_endpoint_is_for_its_role_and_those_above(served: Served, role: Role | None) -> None:
    for endpoint in served.running.endpoints:
        status = asked_as(served, endpoint, role)
        told = (endpoint.method, endpoint.path, role, status)
        if endpoint.role is None or (role is not None and role.includes(endpoint.role)):
            assert status not in (401, 403), told
        else:
            assert status == (401 if role is None else 403), told


def test_the_roles_that_the_endpoints_need_are_these(served: Served) -> None:
    nobody = {"GET /healthz", "GET /readyz", "GET /metrics", "GET /v1/openapi.json", "POST /v1/session"}
    officer = {"PUT /v1/items/{id}", "PATCH /v1/items/{id}", "DELETE /v1/items/{id}", "POST /v1/tracks"}
    officer |= {"POST /v1/deeds", "POST /v1/bundles", "PUT /v1/links/{party}", "POST /v1/drafts"}
    officer |= {"POST /v1/picture-checks", "POST /v1/alerts/{alert}/acknowledgement"}
    administrator = {"GET /v1/tokens", "POST /v1/tokens", "DELETE /v1/tokens/{id}"}
    administrator |= {"POST /v1/parties", "POST /v1/keys", "POST /v1/speak"}
    needed = {f"{e.method} {e.path}": e.role for e in served.running.endpoints}
    assert {name for name, role in needed.items() if role is None} == nobody
    assert {name for name, role in needed.items() if role is Role.DUTY_OFFICER} == officer
    assert {name for name, role in needed.items() if role is Role.ADMINISTRATOR} == administrator


def test_a_role_that_does_not_suffice_is_told_with_the_one_that_does(served: Served) -> None:
    refused = served.declare(operation("R1"), role=Role.VIEWER)
    assert refused.json()["detail"] == "this needs the role duty_officer; yours is viewer"


def test_only_the_party_of_an_item_changes_it(served: Served) -> None:
    served.declare(operation("R1"))
    foreign = served.foreign_token
    changes = [
        served.amend(operation("R1", party=OTHER), 1, token=foreign),
        served.amend(operation("R1"), 1, token=foreign),
        served.declare(operation("R1", party=OTHER), token=foreign),
        served.declare(operation("R9"), token=foreign),
        served.ask("PATCH", path_of("R1"), token=foreign, json={"event": "end"}, headers={"If-Match": '"1"'}),
        served.ask("DELETE", path_of("R1"), token=foreign, headers={"If-Match": '"1"'}),
    ]
    assert [change.status_code for change in changes] == [403] * len(changes)
    assert all("is an item of relief; only that party" in change.json()["detail"] for change in changes)
    assert served.ask("GET", path_of("R1"), token=foreign).json()["version"] == 1


def test_a_role_above_the_others_does_not_make_another_partys_item_ones_own(served: Served) -> None:
    served.declare(operation("N1", party=OTHER), token=served.foreign_token)
    refused = served.ask("DELETE", path_of("N1"), role=Role.ADMINISTRATOR, headers={"If-Match": '"1"'})
    assert refused.status_code == 403


# -- browsers ---------------------------------------------------------------------------------------


def test_the_session_tells_who_is_signed_in_and_whose_node_it_is(served: Served) -> None:
    csrf = sign_in(served)
    told = served.ask("GET", "/v1/session", role=None).json()
    assert told == {
        "party": PARTY,
        "person": "Dana",
        "role": "duty_officer",
        "csrf": csrf,
        "node": {
            "party": PARTY,
            "name": "Relief",
            "conflicts": "record",
            "is_demonstration": False,
            "version": told["node"]["version"],
        },
        "now": "2026-05-01T12:00:00Z",
        "speed": 1.0,
        "seq": 0,
    }
    assert served.ask("GET", "/v1/session").json()["csrf"] is None  # a program needs none


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(
    served: Served, tmp_path: Path, described: Described
) -> None:
    token = {"token": served.tokens[Role.VIEWER]}
    plain = served.ask("POST", "/v1/session", role=None, json=token).headers["Set-Cookie"]
    attributes = {part.strip().lower() for part in plain.split(";")[1:]}
    assert attributes == {"httponly", "samesite=strict", "path=/", f"max-age={SESSION_S:.0f}"}
    server = ServerSettings(
        tls_certificate=tmp_path / "c.pem", tls_key=tmp_path / "k.pem", hosts=("node.example",)
    )
    (tmp_path / "tls").mkdir()
    with serving(tmp_path / "tls", described, server=server, url=HTTPS) as secure:
        token = {"token": secure.tokens[Role.VIEWER]}
        sent = secure.ask("POST", "/v1/session", role=None, json=token).headers["Set-Cookie"]
        assert "secure" in {part.strip().lower() for part in sent.split(";")}
        left = secure.ask("DELETE", "/v1/session", role=None, headers={CSRF_HEADER: csrf_of(secure)}).headers[
            "Set-Cookie"
        ]
        assert {"secure", "httponly", "samesite=strict", "max-age=0"} <= {
            part.strip().lower() for part in left.split(";")
        }


def csrf_of(served: Served) -> str:
    csrf: str = served.ask("GET", "/v1/session", role=None).json()["csrf"]
    return csrf


def test_the_cookie_lasts_no_longer_than_its_token(served: Served) -> None:
    _, token = served.issued(Role.VIEWER, days=1 / 24)
    response = served.ask("POST", "/v1/session", role=None, json={"token": token})
    assert "Max-Age=3600" in response.headers["Set-Cookie"]
    served.clock.advance(3_600.0)
    assert served.ask("GET", "/v1/session", role=None).status_code == 200
    served.clock.advance(0.001)
    assert served.ask("GET", "/v1/session", role=None).status_code == 401


def test_a_session_ends_after_its_time(served: Served) -> None:
    sign_in(served)
    served.clock.advance(SESSION_S)
    assert served.ask("GET", "/v1/session", role=None).status_code == 200
    served.clock.advance(0.001)
    assert served.ask("GET", "/v1/session", role=None).status_code == 401


def test_signing_out_ends_the_session_at_the_node(served: Served) -> None:
    csrf = sign_in(served)
    cookie = served.client.cookies[SESSION]
    done = served.ask("DELETE", "/v1/session", role=None, headers={CSRF_HEADER: csrf})
    assert done.status_code == 204
    assert SESSION not in served.client.cookies
    kept = {"Cookie": f"{SESSION}={cookie}"}
    assert served.ask("GET", "/v1/session", role=None, headers=kept).status_code == 401


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:8422", f"{COOKIE}_8422"),
        ("[::1]:8423", f"{COOKIE}_8423"),
        ("localhost", COOKIE),
        ("127.0.0.1:x", COOKIE),
        ("127.0.0.1:70000", COOKIE),
    ],
)
def test_nodes_on_one_machine_have_cookies_of_their_own(served: Served, host: str, name: str) -> None:
    token = {"token": served.tokens[Role.VIEWER]}
    sent = served.ask("POST", "/v1/session", role=None, json=token, headers={"Host": host})
    assert sent.headers["Set-Cookie"].partition("=")[0] == name


@pytest.mark.parametrize("given", [{}, {CSRF_HEADER: "x"}, {CSRF_HEADER: ""}])
def test_a_cookie_alone_changes_nothing(served: Served, given: dict[str, str]) -> None:
    sign_in(served)
    refused = served.declare(operation("R1"), role=None, headers=given)
    assert refused.status_code == 403
    assert CSRF_HEADER in refused.json()["detail"]
    assert served.ask("GET", path_of("R1")).status_code == 404


def test_a_cookie_changes_something_with_the_token_of_its_own_session(served: Served) -> None:
    other = sign_in(served)
    csrf = sign_in(served)
    assert served.declare(operation("R1"), role=None, headers={CSRF_HEADER: other}).status_code == 403
    assert served.declare(operation("R1"), role=None, headers={CSRF_HEADER: csrf}).status_code == 201


def test_reading_needs_no_token_besides_the_cookie(served: Served) -> None:
    sign_in(served)
    assert served.ask("GET", "/v1/items", role=None).status_code == 200


def test_a_bearer_token_needs_nothing_besides_and_counts_more_than_a_cookie(served: Served) -> None:
    sign_in(served, Role.VIEWER)
    assert served.declare(operation("R1")).status_code == 201
    _, revoked = served.issued(Role.VIEWER, days=0.001)
    served.clock.advance(3_600.0)
    assert served.ask("GET", "/v1/items", token=revoked).status_code == 401


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1", "", f"{URL}/"]
)
def test_a_page_of_another_origin_cannot_change_or_sign_in(served: Served, origin: str) -> None:
    headers = {"Origin": origin}
    token = {"token": served.tokens[Role.VIEWER]}
    assert served.ask("POST", "/v1/session", role=None, json=token, headers=headers).status_code == 403
    csrf = sign_in(served)
    refused = served.declare(operation("R1"), role=None, headers={**headers, CSRF_HEADER: csrf})
    assert refused.status_code == 403
    assert "which is not this node" in refused.json()["detail"]


def test_a_page_of_the_node_can(served: Served) -> None:
    csrf = sign_in(served)
    headers = {"Origin": URL, CSRF_HEADER: csrf}
    assert served.declare(operation("R1"), role=None, headers=headers).status_code == 201


def test_pages_of_a_node_behind_a_proxy_that_does_tls_can_too(tmp_path: Path, described: Described) -> None:
    server = ServerSettings(listen="0.0.0.0:8421", allow_plaintext=True, hosts=("node.example",))
    with serving(tmp_path, described, server=server, url="http://node.example") as served:
        token = {"token": served.tokens[Role.DUTY_OFFICER]}
        headers = {"Origin": "https://node.example"}
        response = served.ask("POST", "/v1/session", role=None, json=token, headers=headers)
        assert response.status_code == 200


def test_the_cookie_of_a_node_behind_a_proxy_that_does_tls_is_not_sent_in_the_clear(
    tmp_path: Path, described: Described
) -> None:
    server = ServerSettings(listen="0.0.0.0:8421", allow_plaintext=True, hosts=("node.example",))
    with serving(tmp_path, described, server=server, url="http://node.example") as served:
        token = {"token": served.tokens[Role.DUTY_OFFICER]}
        headers = {"Origin": "https://node.example"}
        sent = served.ask("POST", "/v1/session", role=None, json=token, headers=headers)
        assert "; Secure" in sent.headers["Set-Cookie"]


def test_a_page_in_the_clear_is_not_of_a_node_with_tls(tmp_path: Path, described: Described) -> None:
    server = ServerSettings(
        tls_certificate=tmp_path / "c.pem", tls_key=tmp_path / "k.pem", hosts=("node.example",)
    )
    with serving(tmp_path, described, server=server, url=HTTPS) as served:
        token = {"token": served.tokens[Role.DUTY_OFFICER]}
        for origin, status in ((HTTPS, 200), ("http://node.example", 403)):
            headers = {"Origin": origin}
            asked = served.ask("POST", "/v1/session", role=None, json=token, headers=headers)
            assert asked.status_code == status


def test_a_form_of_another_page_cannot_sign_anybody_in(served: Served) -> None:
    body = f'{{"token":"{served.tokens[Role.VIEWER]}"}}'.encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Content-Type": kind}
        asked = served.ask("POST", "/v1/session", role=None, content=body, headers=headers)
        assert asked.status_code == 415


# -- signing in -------------------------------------------------------------------------------------


def test_without_a_token_nobody_is_signed_in_where_it_is_no_demonstration(served: Served) -> None:
    for body in ({}, {"token": None}):
        refused = served.ask("POST", "/v1/session", role=None, json=body)
        assert refused.status_code == 401
        assert refused.json()["detail"] == "this node needs a token to sign in"
        assert "Set-Cookie" not in refused.headers


def test_a_demonstration_signs_its_guest_in(tmp_path: Path, described: Described) -> None:
    with serving(tmp_path, described, is_demonstration=True) as served:
        told = served.ask("POST", "/v1/session", role=None, json={}).json()
        assert (told["person"], told["role"]) == ("guest", "duty_officer")
        assert told["node"]["is_demonstration"] is True
        assert served.ask("GET", "/v1/tokens", role=None).status_code == 403
        with_token = {"token": served.tokens[Role.ADMINISTRATOR]}
        assert served.ask("POST", "/v1/session", role=None, json=with_token).json()["person"] == "Dana"


def test_who_is_not_known_cannot_make_the_node_read_much(served: Served) -> None:
    body = b'{"token":"%s"}' % (b"x" * ANONYMOUS_BODY_BYTES_MAX)
    headers = {"Content-Type": "application/json"}
    refused = served.ask("POST", "/v1/session", role=None, content=body, headers=headers)
    assert refused.status_code == 413
    assert "4,096 bytes for who is not signed in" in refused.json()["detail"]


# -- the host ---------------------------------------------------------------------------------------

PAGES = ("/", "/v1/items", "/v1/openapi.json", "/healthz", "/metrics")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "node.example:8421"])
@pytest.mark.parametrize("path", PAGES)
def test_a_request_to_a_name_that_is_not_the_nodes_is_refused(served: Served, path: str, host: str) -> None:
    refused = served.ask("GET", path, headers={"Host": host})
    assert refused.status_code == 421
    assert "server.hosts" in refused.json()["detail"]


@pytest.mark.parametrize("path", ["/static/main.js", "/static/", "/nothing"])
def test_files_and_what_there_is_not_are_refused_under_another_name_too(served: Served, path: str) -> None:
    assert served.ask("GET", path, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8421", "127.9.9.9", "[::1]:8421", "::1"]
)
def test_the_names_of_this_machine_are_always_the_nodes(served: Served, host: str) -> None:
    status = served.ask("GET", "/v1/items", headers={"Host": host}).status_code
    assert status == (421 if host == "::1" else 200)  # an address with colons needs its brackets


def test_the_names_that_are_configured_are_the_nodes(tmp_path: Path, described: Described) -> None:
    server = ServerSettings(hosts=("Node.example",))
    with serving(tmp_path, described, server=server) as served:
        for host in ("node.example", "NODE.EXAMPLE:443"):
            assert served.ask("GET", "/v1/items", headers={"Host": host}).status_code == 200
        assert served.ask("GET", "/v1/items", headers={"Host": "a.node.example"}).status_code == 421


# -- headers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/v1/items", "/static/main.js", "/nothing", "/v1/session"])
def test_every_answer_forbids_pages_to_load_from_elsewhere(served: Served, path: str) -> None:
    headers = served.ask("GET", path, role=None).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in headers


def test_answers_of_the_api_are_not_kept_by_browsers(served: Served) -> None:
    for path in ("/v1/items", "/v1/items/nothing", "/v1/session"):
        assert served.ask("GET", path).headers["Cache-Control"] == "no-store"
