"""Sign-in by GitHub, OpenID Connect and SAML, each with its plugin: it comes up closed, the service account works, and
the glass can be broken. Nobody signs in: there is nobody to ask but a server of this test, which knows no one."""

import contextlib
import http.server
import json
import threading
from dataclasses import replace

import pytest

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
            "serverConfiguration.wellKnownOpenIDConfigurationUrl": f"{url}.well-known/openid-configuration",
        },
        "saml": {
            "idpMetadataConfiguration.url": f"{url}metadata.xml",
            "idpMetadataConfiguration.period": 60,
        },
    }[kind]


@contextlib.contextmanager
def provider():
    """A server of sign-ins that describes itself and refuses whatever else it is asked; its URL."""

    class Provider(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = f"http://127.0.0.1:{self.server.server_port}/"
            found = {
                "/.well-known/openid-configuration": json.dumps(
                    {
                        "issuer": url,
                        "authorization_endpoint": f"{url}authorize",
                        "token_endpoint": f"{url}token",
                        "jwks_uri": f"{url}keys",
                        "response_types_supported": ["code"],
                        "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                ),
                "/keys": '{"keys": []}',
                "/metadata.xml": METADATA.format(url=url),
            }.get(self.path)
            self.send_response(401 if found is None else 200)
            self.send_header("Content-Type", "application/xml" if "xml" in self.path else "application/json")
            self.end_headers()
            self.wfile.write((found or '{"message": "Bad credentials"}').encode())

        def log_message(self, *words):
            pass

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
        world.put_secrets(client_secret=SECRET)
        stack.callback(world.put_secrets, client_secret=None)
        trial = world.with_plugins(SIGN_IN_PLUGINS[kind])
        sign_in = SignIn(kind=kind, options=options(kind, url), groups={"admins": "administrator"})
        controller = trial.settings.controller.model_copy(update={"sign_in": sign_in})
        jenkins = world.controller(
            made=replace(trial, settings=trial.settings.model_copy(update={"controller": controller}))
        )
        stack.callback(jenkins.stop)
        jenkins.start()
        jenkins.wait()
        yield kind, jenkins, world.secrets_of(jenkins)


def realm(service):
    return service.script("return jenkins.model.Jenkins.get().securityRealm.class.name")


def test_it_is_closed_the_service_account_works_and_the_glass_can_be_broken(directory, client, run_live):
    kind, jenkins, secrets = directory
    service = client(jenkins, SERVICE_ACCOUNT, secrets["service_token"])
    admin = client(jenkins, "admin", secrets["values"]["admin_password"])
    assert realm(service) == REALMS[kind]["class"]
    assert service.get("api/json").status_code == 200
    assert client(jenkins, SERVICE_ACCOUNT, "not-its-token").get("api/json").status_code in (401, 403)
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
    _, jenkins, _ = directory
    jenkins.stop()
    jenkins.start()
    assert jenkins.wait().restarts == 0
    assert not any(said["changed"] for said in jenkins.stages.values())
    assert SECRET not in (jenkins.layout.home / "config.xml").read_text()
    assert SECRET not in jenkins.log.read_text()
