"""Sign-in by GitHub, OpenID Connect and SAML, each with its plugin: it comes up closed, people get what their group
has, the service account works, and the glass can be broken.

The provider is a server of this test. By GitHub and OpenID Connect people sign in through it as with a browser; an
answer of SAML it does not write, so there a group is asked for inside Jenkins only.
"""

import contextlib
import http.server
import json
import re
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from jenkins_bootstrap.config.models import SignIn
from jenkins_bootstrap.stages.values import REALMS, SERVICE_ACCOUNT, SIGN_IN_PLUGINS

SECRET = "not-a-real-client-secret-Xq91"
METADATA = """<?xml version="1.0"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{url}saml">
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{url}saml/sign-in"/>
  </IDPSSODescriptor>
</EntityDescriptor>
"""
TEAMS = {"edsger": ["admins"], "barbara": ["readers"], "mallory": ["strangers"]}
"""The groups of each person of the provider, nobody an account of the settings; at GitHub teams of acme-demo."""


def options(kind, url):
    """What the settings would say of a server at `url`."""
    return {
        "github": {
            "githubWebUri": url.rstrip("/"),
            "githubApiUri": f"{url}api/v3",
            "clientID": "jenkins",
            "clientSecret": "secret:client_secret",
        },
        "oidc": {
            "clientId": "jenkins",
            "clientSecret": "secret:client_secret",
            "userNameField": "preferred_username",
            "groupsFieldName": "groups",
            "serverConfiguration.wellKnownOpenIDConfigurationUrl": f"{url}.well-known/openid-configuration",
        },
        "saml": {
            "groupsAttributeName": "groups",
            "idpMetadataConfiguration.xml": METADATA.format(url=url),
        },
    }[kind]


def group(kind, name):
    return f"acme-demo*{name}" if kind == "github" else name


class Provider(http.server.BaseHTTPRequestHandler):
    """Describes itself and tells of its people to whom brings the client's secret and a code; else it refuses."""

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/"

    def described(self):
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}authorize",
                "token_endpoint": f"{self.url}token",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
                "jwks_uri": f"{self.url}keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            },
            "/keys": {"keys": [{**key, "kid": "one", "use": "sig", "alg": "RS256"}]},
        }

    def person(self):
        """The APIs of GitHub that its sign-in asks, for the person whose token this is."""
        name = self.headers.get("Authorization", "").rpartition("token-of-")[2]
        if name not in TEAMS:
            return {}
        number = 1 + list(TEAMS).index(name)
        owner = {"login": "acme-demo", "id": 1}
        teams = [{"id": 10 + number, "name": t, "slug": t, "organization": owner} for t in TEAMS[name]]
        return {
            "/api/v3/user": {"login": name, "id": number, "name": name.title(), "type": "User"},
            "/api/v3/user/emails": [{"email": f"{name}@example.com", "primary": True, "verified": True}],
            "/api/v3/user/orgs": [owner],
            "/api/v3/user/teams": teams,
        }

    def do_GET(self):
        path = urlsplit(self.path).path
        self.answer({**self.described(), **self.person()}.get(path))

    def do_POST(self):
        address = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        asked = {key: values[0] for key, values in parse_qs(f"{address.query}&{sent}").items()}
        if (asked.get("client_id"), asked.get("client_secret")) != ("jenkins", SECRET):
            self.answer(None)
        elif address.path == "/login/oauth/access_token":
            self.answer(f"access_token=token-of-{asked['code']}&scope=read%3Aorg%2Cuser%3Aemail&token_type=bearer")
        else:
            name, _, nonce = asked["code"].partition(".")
            now = int(time.time())
            said = {"iss": self.url, "sub": f"number-of-{name}", "aud": "jenkins", "iat": now, "exp": now + 600}
            said |= {"nonce": nonce, "preferred_username": name, "groups": TEAMS[name]}
            token = jwt.encode(said, self.key, algorithm="RS256", headers={"kid": "one"})
            self.answer(
                {"access_token": f"token-of-{name}", "token_type": "Bearer", "expires_in": 600, "id_token": token}
            )

    def answer(self, found):
        body = (found if isinstance(found, str) else json.dumps(found or {"message": "Bad credentials"})).encode()
        self.send_response(401 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@contextlib.contextmanager
def provider():
    """A server of sign-ins; its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@pytest.fixture(scope="module", params=["github", "oidc", "saml"])
def directory(request, world):
    """The kind, a controller whose people sign in by it, and the secrets of its start; skipped without its plugin."""
    kind = request.param
    world.with_plugins(SIGN_IN_PLUGINS[kind])
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(provider())
        groups = {group(kind, "admins"): "administrator", group(kind, "readers"): "reader"}
        sign_in = SignIn(kind=kind, options=options(kind, url), groups=groups)
        if sign_in.secret_keys:
            world.put_secrets(client_secret=SECRET)
            stack.callback(world.put_secrets, client_secret=None)
        trial = world.with_plugins(SIGN_IN_PLUGINS[kind])
        controller = trial.settings.controller.model_copy(update={"sign_in": sign_in})
        jenkins = world.controller(
            made=replace(trial, settings=trial.settings.model_copy(update={"controller": controller}))
        )
        stack.callback(jenkins.stop)
        jenkins.start()
        jenkins.wait()
        yield kind, jenkins, world.secrets_of(jenkins), sign_in


def realm(service):
    return service.script("return jenkins.model.Jenkins.get().securityRealm.class.name")


def config(jenkins):
    return ET.fromstring(re.sub(r"^<\?xml[^>]*\?>", "", (jenkins.layout.home / "config.xml").read_text()))


def by_browser(kind, jenkins, name, client):
    """A client that has signed in as a person does: to the provider and back, with a session and no password."""
    person = client(jenkins)
    start = person.get("securityRealm/commenceLogin", params={"from": jenkins.url})
    assert start.status_code in (302, 303), start.text[:500]
    asked = {key: values[0] for key, values in parse_qs(urlsplit(start.headers["Location"]).query).items()}
    assert asked["client_id"] == "jenkins"
    code = name if kind == "github" else f"{name}.{asked['nonce']}"
    end = person.get("securityRealm/finishLogin", params={"code": code, "state": asked["state"]})
    assert end.status_code == 302, end.text[:500]
    return person


def test_the_realm_is_kept_as_the_settings_say(directory, client):
    kind, jenkins, secrets, sign_in = directory
    service = client(jenkins, SERVICE_ACCOUNT, secrets["service_token"])
    kept = config(jenkins).find("securityRealm")
    assert kept.get("class") == REALMS[kind]["class"]
    said = {name: kept.findtext(name.replace(".", "/")) for name in sign_in.options}
    for name, value in sign_in.options.items():
        if value == "secret:client_secret":
            assert said[name] not in (None, "", SECRET)
            plain = service.script(f"return hudson.util.Secret.decrypt('{said[name]}')?.plainText")
            assert plain == SECRET
        else:
            assert said[name] == str(value), name


def test_a_group_has_its_role_and_no_other(directory, client):
    kind, jenkins, secrets, sign_in = directory
    service = client(jenkins, SERVICE_ACCOUNT, secrets["service_token"])
    given = [one.text for one in config(jenkins).findall("authorizationStrategy/permission")]
    assert f"GROUP:hudson.model.Hudson.Administer:{group(kind, 'admins')}" in given
    assert f"GROUP:hudson.model.Hudson.Administer:{group(kind, 'readers')}" not in given
    holders = {one.rpartition(":")[2] for one in given}
    assert holders == {*sign_in.groups, SERVICE_ACCOUNT, "ada", "grace"}
    allowed = service.script(
        f"""
        def j = jenkins.model.Jenkins.get()
        def granted = org.springframework.security.core.authority.SimpleGrantedAuthority
        def signedIn = org.springframework.security.authentication.UsernamePasswordAuthenticationToken
        return ['admins', 'readers', 'strangers'].collect {{
            def name = '{group(kind, "NAME")}'.replace('NAME', it)
            def who = signedIn.newInstance('somebody', '', [granted.newInstance(name)])
            [j.ADMINISTER, j.READ].collect {{ right -> j.authorizationStrategy.rootACL.hasPermission2(who, right) }}
        }}
        """
    )
    assert allowed == [[True, True], [False, True], [False, False]]


def test_people_who_sign_in_have_what_their_group_has(directory, client):
    kind, jenkins, _, _ = directory
    if kind == "saml":
        pytest.skip("nobody signs in by SAML here: its answers are not written by this test")
    people = {name: by_browser(kind, jenkins, name, client) for name in TEAMS}
    pages = ("api/json", "manage/")
    assert {name: [one.get(page).status_code for page in pages] for name, one in people.items()} == {
        "edsger": [200, 200],
        "barbara": [200, 403],
        "mallory": [403, 403],
    }
    assert people["edsger"].json("me")["id"] == "edsger"
    stranger = client(jenkins)
    stranger.get("securityRealm/finishLogin", params={"code": "edsger", "state": "of-nobody"})
    assert stranger.get("api/json").status_code == 403


def test_it_is_closed_the_service_account_works_and_the_glass_can_be_broken(directory, client, run_live):
    kind, jenkins, secrets, _ = directory
    service = client(jenkins, SERVICE_ACCOUNT, secrets["service_token"])
    admin = client(jenkins, "admin", secrets["values"]["admin_password"])
    assert realm(service) == REALMS[kind]["class"]
    assert service.get("api/json").status_code == 200
    assert client(jenkins, SERVICE_ACCOUNT, "not-its-token").get("api/json").status_code in (401, 403)
    for path in ("", "api/json", "manage/", "script", "job/github/", "asynchPeople/", "securityRealm/user/edsger/"):
        assert client(jenkins).get(path).status_code in (403, 404), path
    assert client(jenkins).get("api/json").status_code == 403
    assert admin.get("api/json").status_code in (401, 403)

    broken = {**secrets, "values": {**secrets["values"], "break_glass": "open"}}
    assert "security realm" in run_live(jenkins, service, "init.groovy", broken)["changes"]
    assert admin.get("manage/").status_code == 200
    assert client(jenkins).get("api/json").status_code == 403

    assert "security realm" in run_live(jenkins, service, "init.groovy", secrets)["changes"]
    assert realm(service) == REALMS[kind]["class"]
    assert admin.get("api/json").status_code in (401, 403)


def test_a_second_start_changes_nothing_and_no_secret_lies_in_plain(directory):
    _, jenkins, _, _ = directory
    jenkins.stop()
    jenkins.start()
    assert jenkins.wait().restarts == 0
    assert not any(said["changed"] for said in jenkins.stages.values())
    assert SECRET not in (jenkins.layout.home / "config.xml").read_text()
    assert SECRET not in jenkins.log.read_text()
