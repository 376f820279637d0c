"""What each stage is told: plain values from the settings and the plugin lock. Pure.

Ids found in AWS and secrets are not here: a stage reads them at boot from facts.json and secrets.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jenkins_bootstrap.config import controller
from jenkins_bootstrap.config.controller import Credential
from jenkins_bootstrap.config.models import AgentTemplate, Settings, SignIn

SERVICE_ACCOUNT = controller.SERVICE_ACCOUNT
SERVICE_TOKEN = "jenkins-bootstrap"  # noqa: S105 - the token's name, not the token
"""Name of the service account's API token."""
AGENT_KEY = "jenkins-bootstrap-agent-key"
"""Id of the credential with the agents' private key."""

READ = ("hudson.model.Hudson.Read", "hudson.model.Item.Read", "hudson.model.View.Read")
ROLES: dict[str, tuple[str, ...]] = {
    "administrator": ("hudson.model.Hudson.Administer",),
    "developer": (
        *READ,
        "hudson.model.Item.Build",
        "hudson.model.Item.Cancel",
        "hudson.model.Item.Discover",
        "hudson.model.Item.Workspace",
        "hudson.model.Run.Replay",
        "hudson.model.Run.Update",
    ),
    "reader": READ,
}
"""Permission ids (hudson.security.Permission.getId) of each role."""

LDAP_DEFAULTS: dict[str, Any] = {
    "server": None,
    "rootDN": "",
    "inhibitInferRootDN": False,
    "managerDN": "",
    "managerPasswordSecret": None,
}
REALMS: dict[str, dict[str, Any]] = {
    "github": {
        "class": "org.jenkinsci.plugins.GithubSecurityRealm",
        "defaults": {
            "githubWebUri": "https://github.com",
            "githubApiUri": "https://api.github.com",
            "oauthScopes": "read:org,user:email",
        },
        "parts": {},
    },
    "oidc": {
        "class": "org.jenkinsci.plugins.oic.OicSecurityRealm",
        "defaults": {"disableSslVerification": False, "userIdStrategy": None, "groupIdStrategy": None},
        "parts": {
            "serverConfiguration": {
                "class": "org.jenkinsci.plugins.oic.OicServerWellKnownConfiguration",
                "defaults": {},
                "list": False,
            }
        },
    },
    "saml": {
        "class": "org.jenkinsci.plugins.saml.SamlSecurityRealm",
        "defaults": {
            "displayNameAttributeName": "",
            "groupsAttributeName": "",
            "maximumAuthenticationLifetime": 86400,
            "usernameAttributeName": "",
            "emailAttributeName": "",
            "logoutUrl": "",
            "advancedConfiguration": None,
            "encryptionData": None,
            "usernameCaseConversion": "none",
            "binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            "samlCustomAttributes": [],
        },
        "parts": {
            "idpMetadataConfiguration": {
                "class": "org.jenkinsci.plugins.saml.IdpMetadataConfiguration",
                "defaults": {"xml": "", "url": "", "period": 0},
                "list": False,
            }
        },
    },
    "ldap": {
        "class": "hudson.security.LDAPSecurityRealm",
        "defaults": {
            "disableMailAddressResolver": False,
            "cache": None,
            "userIdStrategy": None,
            "groupIdStrategy": None,
        },
        "parts": {
            "configurations": {
                "class": "jenkins.security.plugins.ldap.LDAPConfiguration",
                "defaults": LDAP_DEFAULTS,
                "list": True,
            }
        },
    },
}
"""How each sign-in's realm is built, by name. An option with a dot (`serverConfiguration.scopesOverride`) goes to the
part of that name, which has a class of its own. The defaults are for the constructors' parameters, which all must be
given (read in the plugins' sources); a version that does not have one goes without."""

SIGN_IN_PLUGINS = {"github": "github-oauth", "oidc": "oic-auth", "saml": "saml", "ldap": "ldap"}
"""The plugin that each sign-in's realm is in."""

CALLS_PER_SCAN = 7
"""Calls to GitHub for a scan that finds nothing to build, as measured."""
FIRST_SCAN_AFTER_MS = 30_000


def init_values(
    settings: Settings, plugins: Mapping[str, str] | None, sources: Mapping[str, tuple[str, str]] | None = None
) -> dict[str, Any]:
    """For init.groovy. `plugins` maps each locked plugin to its version; None where there is no lock yet. `sources`
    maps it to its address and SHA-256, which only a controller is told that may install what is missing."""
    wanted = settings.controller.plugins if plugins is None else plugins
    return {
        "url": settings.controller.url,
        "admin_address": settings.controller.admin_address,
        "plugins": None if plugins is None else dict(sorted(plugins.items())),
        "plugin_sources": {name: list(sources[name]) for name in sorted(sources)}
        if settings.controller.boot.install_missing_plugins and plugins is not None and sources is not None
        else None,
        "safe_html": any(name.partition("@")[0] == "antisamy-markup-formatter" for name in wanted),
        "roles": {role: list(ids) for role, ids in ROLES.items()},
        "users": {account.id: account.role for account in settings.controller.accounts}
        | {SERVICE_ACCOUNT: "administrator"},
        "service_account": SERVICE_ACCOUNT,
        "sign_in": _sign_in(settings.controller.sign_in),
    }


def _sign_in(sign_in: SignIn) -> dict[str, Any]:
    groups = dict(sorted(sign_in.groups.items()))
    if sign_in.kind == "accounts":
        return {"kind": sign_in.kind, "groups": groups}
    options = {
        f"configurations.{name}" if sign_in.kind == "ldap" and "." not in name else name: value
        for name, value in sorted(sign_in.options.items())
    }
    return {"kind": sign_in.kind, "groups": groups, "options": options, "realm": REALMS[sign_in.kind]}


def aws_values(settings: Settings) -> dict[str, Any]:
    """For aws.txt."""
    users = sorted({agent.remote_user for agent in settings.agents})
    return {
        "accounts": [
            {"id": account.id, "full_name": account.full_name, "email": account.email}
            for account in settings.controller.accounts
        ],
        "own_accounts": settings.controller.sign_in.kind == "accounts",
        "service_account": {
            "id": SERVICE_ACCOUNT,
            "full_name": "jenkins-bootstrap",
            "email": "",
            "token_name": SERVICE_TOKEN,
        },
        "agent_key": {
            "id": AGENT_KEY,
            # Who an agent is reached as stands in its template; the credential's own name is not used.
            "username": users[0] if users else "admin",
            "description": "private key of the agents",
            "secret": settings.secrets.agent_key,
        },
        "credentials": [_credential(one) for one in settings.controller.credentials if one.folder is None],
        "cloud_prefix": f"ec2-{settings.project}-",
        "clouds": [_cloud(settings, agent) for agent in settings.agents],
    }


def _credential(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "kind": credential.kind,
        "description": credential.description,
        "secret": credential.secret,
        "folder": credential.folder,
    }


def _cloud(settings: Settings, agent: AgentTemplate) -> dict[str, Any]:
    return {
        "name": f"ec2-{settings.project}-{agent.label}",
        "label": agent.label,
        "market": agent.market,
        "maximum_price": agent.maximum_price,
        "cap": agent.cap,
        "idle_minutes": agent.idle_minutes,
        "launch_timeout_seconds": agent.launch_timeout_seconds,
        "executors": agent.executors,
        "remote_user": agent.remote_user,
        "remote_fs": agent.remote_fs,
        "types": [
            {"name": name, "description": f"{agent.label}-{name}-{agent.market}"} for name in agent.instance_types
        ],
        "tags": dict(sorted(settings.tags.items()))
        | {"Name": f"{settings.project}-agent-{agent.label}", "Project": settings.project, "Role": "agent"},
    }


def github_values(settings: Settings) -> dict[str, Any]:
    """For github.txt."""
    credentials: dict[str, dict[str, str]] = {}
    for owner in settings.github.owners:
        words = "GitHub user and token" if owner.sign_in == "token" else f"GitHub App, installed for {owner.name}"
        credentials[owner.credentials_id] = {
            "id": owner.credentials_id,
            "kind": owner.sign_in,
            "owner": owner.name,
            "description": words,
        }
    token = next((c["id"] for c in credentials.values() if c["kind"] == "token"), None)
    return {
        "credentials": list(credentials.values()),
        "server_name": settings.project,
        # The GitHub plugin signs in with a secret text only; with an App it does without.
        "server_credentials": f"{token}-api" if token else "",
        "hook_url": f"{settings.controller.url}github-webhook/",
    }


def reconcile_credential(settings: Settings) -> dict[str, Any]:
    """The credential of the job `reconcile`, for its folder alone. `boot` makes its value, which secrets.json has among
    those of the other credentials."""
    return {
        "id": controller.RECONCILE_CREDENTIAL,
        "kind": "text",
        "description": "asks the receiver for a reconciliation, and for nothing else",
        "secret": "that boot makes",
        "folder": settings.jobs.own_folder,
    }


def githubrepos_values(settings: Settings, seed_path: str) -> dict[str, Any]:
    """For githubrepos.txt. `seed_path` is the seed's seed.json on the controller."""
    in_folders = [_credential(one) for one in settings.controller.credentials if one.folder is not None]
    return {
        "seed": seed_path,
        "credentials": [*in_folders, reconcile_credential(settings)],
        "calls_per_scan": CALLS_PER_SCAN,
        "calls_per_hour": settings.jobs.sync.scan_calls_per_hour,
        "first_scan_after_ms": FIRST_SCAN_AFTER_MS,
    }
