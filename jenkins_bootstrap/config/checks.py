"""What must hold between settings, beyond each one's own shape. Each problem names the value that is to be changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jenkins_bootstrap.config.controller import RECONCILE_CREDENTIAL, SERVICE_ACCOUNT
from jenkins_bootstrap.errors import nearest

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Architecture, Settings

OWN_TAGS = ("Name", "Project", "Commit", "ContentKey", "Parent", "BuiltAt", "Channel")
"""Tags that look-ups rest on; settings may not give them another value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not go together with another. `place` is the path of the value to change."""

    place: tuple[str | int, ...]
    what: str
    hint: str


def problems(settings: Settings, *, images: bool = True) -> list[Problem]:
    """Everything in `settings` that contradicts something else in it, in the order of the file's sections.

    `images` False leaves out what is about the section images.
    """
    found: list[Problem] = []
    for check in (
        _tags,
        _accounts,
        _nobody,
        _options,
        _plugins,
        _credentials,
        _labels,
        _agent_images,
        _agent_types,
        _owners,
        _parents,
        _image_types,
    ):
        if images or check not in (_agent_images, _parents, _image_types):
            found += check(settings)
    return found


def architecture_of(instance_type: str) -> Architecture:
    """The processor an instance type has, from its name.

    A `g` after the generation's number is Graviton (docs.aws.amazon.com/ec2/latest/instancetypes/
    instance-type-names.html); a1 is the first generation of it.
    """
    family = re.match(r"[a-z]+\d+([a-z]*)", instance_type)
    graviton = (family is not None and "g" in family.group(1)) or instance_type.startswith("a1.")
    return "arm64" if graviton else "amd64"


def _tags(settings: Settings) -> Iterator[Problem]:
    places: list[tuple[tuple[str | int, ...], dict[str, str]]] = [(("tags",), settings.tags)]
    places += [(("images", name, "tags"), spec.tags) for name, spec in settings.images.items()]
    for place, tags in places:
        for tag in tags:
            if tag in OWN_TAGS or tag.lower().startswith("aws:"):
                why = "is set by jenkins-bootstrap and look-ups rest on it" if tag in OWN_TAGS else "is reserved by AWS"
                yield Problem((*place, tag), f"the tag {tag} {why}", "choose another key")


def _twice(names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Positions of the second and of the first of each pair of equal names."""
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if first.setdefault(name, i) != i:
            yield i, first[name]


def _accounts(settings: Settings) -> Iterator[Problem]:
    accounts = settings.controller.accounts
    for second, first in _twice([a.id.casefold() for a in accounts]):
        yield Problem(
            ("controller", "accounts", second, "id"),
            f"the account {accounts[second].id!r} is there already, as controller.accounts[{first}]",
            "give each account once; Jenkins takes no notice of case",
        )


NOT_PEOPLE = {
    "anonymous": "Jenkins' name for whoever comes",
    "authenticated": "Jenkins' name for whoever has signed in",
    "system": "Jenkins' name for itself",
    "unknown": "Jenkins' name for a user it does not know",
    SERVICE_ACCOUNT: "the account that jenkins-bootstrap makes for itself",
}
"""Names that are no account of a person; Jenkins compares names without case."""


def _nobody(settings: Settings) -> Iterator[Problem]:
    """Names that stand for many: whoever comes, and whoever has signed in."""
    sign_in = settings.controller.sign_in
    for i, account in enumerate(settings.controller.accounts):
        if who := NOT_PEOPLE.get(account.id.casefold()):
            what = f"{account.id!r} is {who}, no account of a person"
            yield Problem(("controller", "accounts", i, "id"), what, "choose another name")
    for name in sign_in.groups:
        folded = name.strip().casefold()
        if folded == "anonymous" or (folded == "authenticated" and sign_in.kind == "github"):
            who = "whoever comes" if folded == "anonymous" else "everybody who has an account of GitHub"
            what = f"the group {name!r} is {who}"
            yield Problem(("controller", "sign_in", "groups", name), what, "name a group of your own")


_SECRET_OPTION = re.compile(r"secret|passwor|pwd|passphrase|token|private_?key|credential", re.IGNORECASE)
_NO_SECRET = frozenset(
    (
        "allowedTokenExpirationClockSkewSeconds",
        "privateKeyAlias",
        "tokenAuthMethod",
        "tokenFieldToCheckKey",
        "tokenFieldToCheckValue",
        "tokenServerUrl",
    )
)
"""Parameters of the OIDC and SAML plugins that are named like a secret and are none (read in the plugin's source)."""


def _options(settings: Settings) -> Iterator[Problem]:
    """What an option says stands in the image, where everybody reads it who can read the image."""
    for name, value in settings.controller.sign_in.options.items():
        if isinstance(value, str) and value.startswith("secret:"):
            if not re.fullmatch(r"secret:[A-Za-z0-9_.-]+", value):
                hint = "write secret:KEY with the key's name: letters, digits and _"
                yield Problem(("controller", "sign_in", "options", name), f"{name} names no key of the secret", hint)
        elif not isinstance(value, bool) and _SECRET_OPTION.search(name) and name.split(".")[-1] not in _NO_SECRET:
            yield Problem(
                ("controller", "sign_in", "options", name),
                f"{name} is a secret, which must not stand in the settings: an image would hold it in plain",
                f"put it into the secret {settings.secrets.settings} as a key of its own, and write secret:KEY here",
            )


def _plugins(settings: Settings) -> Iterator[Problem]:
    names = [p.partition("@")[0] for p in settings.controller.plugins]
    for second, first in _twice(names):
        yield Problem(
            ("controller", "plugins", second),
            f"the plugin {names[second]!r} is there already, as controller.plugins[{first}]",
            "give each plugin once",
        )


OWN_CREDENTIALS = (
    "jenkins-bootstrap-agent-key",
    "github-token",
    "github-token-api",
    "github-webhook-secret",
    "github-webhook-secret-previous",
    RECONCILE_CREDENTIAL,
)
"""Ids of the credentials that the stages make by themselves, besides one for each owner with a GitHub App."""


def _credentials(settings: Settings) -> Iterator[Problem]:
    credentials = settings.controller.credentials
    place = ("controller", "credentials")
    for second, first in _twice([c.id for c in credentials]):
        yield Problem(
            (*place, second, "id"),
            f"the credential {credentials[second].id!r} is there already, as controller.credentials[{first}]",
            "give each id once, in different folders too: its value is found by its id",
        )
    own = {*OWN_CREDENTIALS, *(owner.credentials_id for owner in settings.github.owners)}
    top = settings.jobs.folder
    owners = {owner.name.lower(): owner.name for owner in settings.github.owners}
    for i, one in enumerate(credentials):
        if one.id in own:
            what = f"the id {one.id!r} is that of a credential which jenkins-bootstrap makes by itself"
            yield Problem((*place, i, "id"), what, "choose another id")
        if one.kind not in ("username-password", "ssh-key") and one.username is not None:
            hint = "take it away, or make the kind username-password or ssh-key"
            yield Problem((*place, i, "username"), f"a credential of kind {one.kind} has no username", hint)
        if one.kind != "file" and one.file_name is not None:
            hint = "take it away, or make the kind file"
            yield Problem((*place, i, "file_name"), f"a credential of kind {one.kind} has no file_name", hint)
        if one.folder is not None and one.folder != top:
            parent, _, name = one.folder.rpartition("/")
            if parent != top or name.lower() not in owners:
                known = ", ".join([top, *(f"{top}/{owner}" for owner in owners.values())])
                what = f"there is no folder {one.folder!r} of ours"
                yield Problem((*place, i, "folder"), what, f"the folders are {known}")


def _labels(settings: Settings) -> Iterator[Problem]:
    labels = [a.label for a in settings.agents]
    for second, first in _twice(labels):
        yield Problem(
            ("agents", second, "label"),
            f"the label {labels[second]!r} is there already, as agents[{first}].label",
            "labels are unique: put further instance types into the same entry, or choose another label",
        )


def _no_image(place: tuple[str | int, ...], wanted: str, settings: Settings) -> Problem:
    near = nearest(wanted, settings.images)
    defined = ", ".join(settings.images) or "none"
    hint = f"did you mean {near!r}? Defined: {defined}" if near else f"define it in images; defined: {defined}"
    return Problem(place, f"there is no image {wanted!r} in images", hint)


def _agent_images(settings: Settings) -> Iterator[Problem]:
    for i, agent in enumerate(settings.agents):
        wanted = agent.ami.image
        if wanted is None:
            continue
        image = settings.images.get(wanted)
        if image is None:
            yield _no_image(("agents", i, "ami", "image"), wanted, settings)
        elif image.architecture != agent.architecture:
            yield Problem(
                ("agents", i, "ami", "image"),
                f"the image {wanted!r} is {image.architecture}, the agent {agent.label!r} is {agent.architecture}",
                f"name an image with architecture: {agent.architecture}, or change the agent's architecture",
            )


def _agent_types(settings: Settings) -> Iterator[Problem]:
    for i, agent in enumerate(settings.agents):
        for j, name in enumerate(agent.instance_types):
            if architecture_of(name) != agent.architecture:
                yield Problem(
                    ("agents", i, "instance_types", j),
                    f"{name} is {architecture_of(name)}, the agent {agent.label!r} is {agent.architecture}",
                    "one label holds instance types of one architecture: make a second agent entry for the other",
                )
        for second, first in _twice(agent.instance_types):
            yield Problem(
                ("agents", i, "instance_types", second),
                f"{agent.instance_types[second]} is there already, as instance_types[{first}]",
                "give each type once",
            )


def _owners(settings: Settings) -> Iterator[Problem]:
    owners = settings.github.owners
    for second, first in _twice([o.name.lower() for o in owners]):
        yield Problem(
            ("github", "owners", second, "name"),
            f"the owner {owners[second].name!r} is there already, as github.owners[{first}] (GitHub ignores case)",
            "give each owner once",
        )


def _parents(settings: Settings) -> Iterator[Problem]:
    images = settings.images
    told: set[str] = set()
    for name, spec in images.items():
        if spec.parent is None:
            continue
        if spec.parent not in images:
            yield _no_image(("images", name, "parent"), spec.parent, settings)
            continue
        if images[spec.parent].architecture != spec.architecture:
            yield Problem(
                ("images", name, "parent"),
                f"the parent {spec.parent!r} is {images[spec.parent].architecture}, the image {name!r} is "
                f"{spec.architecture}",
                "an image has its parent's architecture",
            )
        chain = [name]
        parent: str | None = spec.parent
        while parent in images and parent not in chain:
            chain.append(parent)
            parent = images[parent].parent
        if parent == name and not told & set(chain):
            told |= set(chain)
            yield Problem(
                ("images", name, "parent"),
                f"the parents go in a circle: {' from '.join([*chain, name])}",
                "start one of them from a foreign image: source instead of parent",
            )


def _image_types(settings: Settings) -> Iterator[Problem]:
    for name, spec in settings.images.items():
        if architecture_of(spec.instance_type) != spec.architecture:
            yield Problem(
                ("images", name, "instance_type"),
                f"it is baked on {spec.instance_type}, which is {architecture_of(spec.instance_type)}, "
                f"but its architecture is {spec.architecture}",
                "give an instance_type of that architecture: t3.medium is amd64, t4g.medium is arm64",
            )
