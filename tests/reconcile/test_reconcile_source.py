"""GitHub as the reconciliation asks it, beside an embedded GitHub."""

import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jenkins_bootstrap.embedded.github import App, Store, create_app
from jenkins_bootstrap.reconcile import GitHubSource, Only


def test_an_app_signs_in_once_for_many_webhooks(settings, tmp_path, serve_wsgi):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    organisation = tmp_path / "organisation.json"
    organisation.write_text(json.dumps([{"name": name, "full_name": f"acme-demo/{name}"} for name in ("web", "api")]))
    store = Store.load(organisation, tmp_path, app=App(id="7", installations={1: "acme-demo"}))
    owner = settings.github.owners[0].model_copy(update={"name": "acme-demo", "sign_in": "app", "installation": 1})
    with_app = settings.model_copy(update={"github": settings.github.model_copy(update={"owners": [owner]})})
    values = {"github_app_id": "7", "github_app_private_key": pem}

    source = GitHubSource(with_app, values, serve_wsgi(create_app(store)) + "/api/v3")
    found = [source.read(Only("acme-demo", name)) for name in ("web", "api", "web")]

    assert [r.name for r in found] == ["web", "api", "web"]
    assert sum("access_tokens" in line for line in store.requests) == 1
    assert len(store.requests) == 4
