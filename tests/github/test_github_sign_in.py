"""Tokens and Apps: what they sign, when they are renewed, what a wrong one says, and that nothing shows a value."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from jenkins_bootstrap.config.models import Owner
from jenkins_bootstrap.embedded.github import App, Fault, Token
from jenkins_bootstrap.errors import SecretError
from jenkins_bootstrap.github.access import check_access
from jenkins_bootstrap.github.auth import AppAuth, TokenAuth, auth_for
from jenkins_bootstrap.github.errors import NotFound, NotGitHub, SignInRefused

TOKEN_PATH = "/app/installations/7/access_tokens"


def pem(key: Any, password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    if password:
        form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


@pytest.fixture(scope="module")
def key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def served(serve: Any, key: Any) -> Any:
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    app = App(id="4242", public_key=public.decode(), installations={7: "acme"})
    return serve(["open", {"name": "hidden", "full_name": "acme/hidden", "private": True}], app=app)


def app_auth(served: Any, key: Any, **changes: Any) -> AppAuth:
    values = {"app_id": "4242", "private_key": pem(key), "installation": 7, "clock": served.clock, **changes}
    return AppAuth(**values)


def bought(served: Any) -> int:
    return sum(TOKEN_PATH in call for call in served.store.requests)


def test_an_app_lists_with_an_installation_token_that_is_kept(served: Any, key: Any) -> None:
    auth = app_auth(served, key)
    assert len(served.list(auth=auth)) == 2
    assert len(served.list(auth=auth)) == 2
    assert bought(served) == 1


def test_an_installation_token_is_renewed_before_it_ends(served: Any, key: Any) -> None:
    auth = app_auth(served, key)
    served.list(auth=auth)
    served.now += 3600 - 299
    served.list(auth=auth)
    assert bought(served) == 2


def test_a_revoked_installation_token_is_replaced_once(served: Any, key: Any) -> None:
    auth = app_auth(served, key)
    served.list(auth=auth)
    served.store.tokens.clear()
    assert len(served.list(auth=auth)) == 2
    served.store.faults.append(Fault(401, {}, {"message": "Bad credentials"}, times=1000, path="graphql"))
    with pytest.raises(SignInRefused):
        served.list(auth=auth)


def test_another_key_than_the_apps_is_refused(served: Any) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(SignInRefused, match="JSON web token could not be decoded"):
        served.list(auth=app_auth(served, other))


@pytest.mark.parametrize("skew", [1200.0, -1200.0])
def test_a_wrong_clock_here_is_corrected_by_the_servers(served: Any, key: Any, skew: float) -> None:
    auth = app_auth(served, key, clock=lambda: served.now + skew)
    found = served.list(auth=auth)
    assert len(found) == 2
    assert bought(served) == 2


def test_an_installation_that_does_not_exist_is_named(served: Any, key: Any) -> None:
    with pytest.raises(NotFound, match="/app/installations/8/"):
        served.list(auth=app_auth(served, key, installation=8))


def test_a_token_answer_without_a_token_is_an_error(served: Any, key: Any) -> None:
    served.store.faults.append(Fault(201, {}, {"expires_at": "soon"}, path=TOKEN_PATH))
    with pytest.raises(NotGitHub):
        served.list(auth=app_auth(served, key))


def test_keys_that_are_not_rsa_in_pem_are_refused_without_being_shown(key: Any) -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    for text in ("", "not-a-real-key", pem(key).replace("\n", "\\n"), pem(key, b"not-a-real-password"), pem(elliptic)):
        with pytest.raises(SecretError) as caught:
            AppAuth("1", text, 1)
        assert "BEGIN" not in str(caught.value)
        assert "not-a-real" not in str(caught.value)


def test_an_app_id_that_is_none_is_refused(key: Any) -> None:
    with pytest.raises(SecretError, match="App id"):
        AppAuth("four two", pem(key), 1)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "naïve", "nul\x00"])
def test_a_token_that_cannot_be_one_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(SecretError) as caught:
        TokenAuth(token)
    assert not token.strip() or token not in str(caught.value)


def test_a_line_break_after_the_token_does_no_harm(served: Any) -> None:
    assert len(served.list(auth=TokenAuth("not-a-real-token\n"))) == 2


def test_no_repr_shows_a_value(key: Any) -> None:
    auth = AppAuth("1", pem(key), 7)
    shown = f"{TokenAuth('not-a-real-token')!r} {auth!r} {vars(auth)['_key']!r}"
    assert "not-a-real-token" not in shown
    assert "BEGIN" not in shown


def test_the_settings_choose_the_sign_in_and_a_missing_key_is_named(key: Any) -> None:
    values = {"github_token": "not-a-real-token", "github_app_id": "1", "github_app_private_key": pem(key)}
    by_app = Owner(name="acme", sign_in="app", installation=7)
    assert auth_for(Owner(name="acme"), values).kind == "token"
    assert auth_for(by_app, values).kind == "app"
    for owner, name in ((Owner(name="acme"), "github_token"), (by_app, "github_app_id")):
        with pytest.raises(SecretError, match=f"secret settings: has no key {name}"):
            auth_for(owner, {**values, name: ""}, held_in="settings")


def access(served: Any, auth: Any, owner: str = "acme") -> Any:
    return check_access(owner, api_url=served.api_url, auth=auth, sleep=served.sleep, clock=served.clock)


def test_check_says_who_a_token_is_what_it_may_and_what_remains(served: Any) -> None:
    found = access(served, TokenAuth("not-a-real-token"))
    assert (found.login, found.owner, found.owner_kind, found.repositories) == ("demo-user", "acme", "Organization", 2)
    assert (found.limit, found.remaining, found.missing) == (5000, 4999, ())
    assert found.reset_at is not None and found.reset_at.endswith(":00:00Z")


def test_check_names_the_scope_that_a_token_lacks(served: Any) -> None:
    served.store.tokens["not-a-real-token"] = Token(scopes=("gist",))
    found = access(served, TokenAuth("not-a-real-token"))
    assert (found.scopes, found.missing) == (("gist",), ("repo",))


def test_check_names_the_permission_that_an_app_lacks(served: Any, key: Any) -> None:
    served.store.app = App(
        "4242", "demo-app", served.store.app.public_key, {7: "acme"}, {"metadata": "read", "issues": "write"}
    )
    found = access(served, app_auth(served, key))
    assert (found.kind, found.login, found.missing) == ("app", "demo-app[bot]", ("contents: read",))
    assert found.scopes is None


def test_check_of_an_owner_that_cannot_be_seen_says_so(served: Any) -> None:
    assert access(served, TokenAuth("not-a-real-token"), "acne").repositories is None
