"""Makes what we hold of GitHub's own descriptions from the packages that Octokit publishes; README.md says which.

    python tests/data/github/make.py examples FOLDER   # the unpacked @octokit/webhooks-examples
    python tests/data/github/make.py schema FOLDER     # @octokit/graphql-schema: the fixture, and the cut that ships
    python tests/data/github/make.py openapi FOLDER    # @octokit/openapi
    python tests/data/github/make.py webhooks FOLDER   # @octokit/openapi-webhooks

What is made has the packages' own words, only fewer of them. Nothing here is run by the tests.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CUT = HERE.parents[2] / "jenkins_bootstrap" / "embedded" / "github" / "schema.graphql"

# The fields that the embedded GitHub answers, by type. Enumerations, inputs and scalars come with what names them.
ANSWERED = {
    "Query": "id node nodes organization rateLimit repository repositoryOwner user viewer",
    "Node": "id",
    "RepositoryOwner": "avatarUrl id login repositories repository resourcePath url",
    "Organization": "avatarUrl databaseId description id login name repositories repository resourcePath url",
    "User": "avatarUrl databaseId id login name repositories repository resourcePath url",
    "RepositoryConnection": "edges nodes pageInfo totalCount totalDiskUsage",
    "RepositoryEdge": "cursor node",
    "PageInfo": "endCursor hasNextPage hasPreviousPage startCursor",
    "Repository": "createdAt databaseId defaultBranchRef description diskUsage forkCount homepageUrl id isArchived"
    " isDisabled isEmpty isFork isInOrganization isLocked isMirror isPrivate isTemplate name nameWithOwner object owner"
    " primaryLanguage pushedAt ref repositoryTopics resourcePath sshUrl stargazerCount updatedAt url visibility",
    "Ref": "id name prefix repository target",
    "Language": "color id name",
    "RepositoryTopicConnection": "edges nodes pageInfo totalCount",
    "RepositoryTopicEdge": "cursor node",
    "RepositoryTopic": "id resourcePath topic url",
    "Topic": "id name",
    "GitObject": "abbreviatedOid commitResourcePath commitUrl id oid repository",
    "Blob": "abbreviatedOid byteSize commitResourcePath commitUrl id isBinary isTruncated oid repository text",
    "Commit": "abbreviatedOid commitResourcePath commitUrl committedDate id message oid repository tree",
    "Tree": "abbreviatedOid commitResourcePath commitUrl entries id oid repository",
    "TreeEntry": "extension isGenerated mode name object oid path size type",
    "RateLimit": "cost limit nodeCount remaining resetAt used",
}

NOTE = """\
# A part of GitHub's public GraphQL schema: the fields that the embedded GitHub answers, word for word but without their
# descriptions. Anything else is a validation error. Cut by tests/data/github/make.py from @octokit/graphql-schema
# {version}, "Copyright (c) GitHub 2025 - Licensed as MIT": tests/data/github/README.md has the licence's text.
"""


def write(name: str, data: Any) -> None:
    """Compressed without a time, so that the same input gives the same file."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    (HERE / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def examples(folder: Path) -> None:
    """All example payloads of github.com, by event."""
    published = json.loads((folder / "api.github.com" / "index.json").read_text("utf-8"))
    write("webhooks-examples.json.gz", {event["name"]: event["examples"] for event in published})


def schema(folder: Path) -> None:
    """The whole schema without descriptions as a fixture, and the cut."""
    import graphql

    version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
    published = graphql.parse((folder / "schema.graphql").read_text("utf-8"), no_location=True)
    plain = graphql.visit(published, WithoutDescriptions())
    write("schema.graphql.gz", graphql.print_ast(plain))
    definitions = {d.name.value: d for d in plain.definitions if d.kind.endswith("type_definition")}
    kept: dict[str, Any] = {}
    wanted = ["Query"]
    while wanted:
        name = wanted.pop()
        if name in kept or name in ("String", "Int", "Float", "Boolean", "ID"):
            continue
        definition = definitions[name]
        if definition.kind in ("object_type_definition", "interface_type_definition"):
            fields = ANSWERED[name].split()
            definition.fields = tuple(f for f in definition.fields if f.name.value in fields)
            assert len(definition.fields) == len(fields), name
            definition.interfaces = tuple(i for i in definition.interfaces if i.name.value in ANSWERED)
        kept[name] = definition
        wanted += names_in(definition)
        # Whoever asks for an interface gets one of the types that have it.
        wanted += [other for other in ANSWERED if name in (i.name.value for i in definitions[other].interfaces or ())]
    assert kept.keys() >= ANSWERED.keys(), ANSWERED.keys() - kept.keys()
    text = "\n\n".join(graphql.print_ast(kept[name]) for name in sorted(kept))
    CUT.write_text(NOTE.format(version=version) + "\n" + text + "\n", "utf-8")


def names_in(definition: Any) -> list[str]:
    import graphql

    found: list[str] = []

    class Names(graphql.Visitor):
        def enter_named_type(self, node: Any, *_: Any) -> None:
            found.append(node.name.value)

    graphql.visit(definition, Names())
    return found


try:
    from graphql import REMOVE, Visitor

    class WithoutDescriptions(Visitor):
        """Takes out descriptions, and who may see a field: the latter is GitHub's own affair."""

        def enter_directive(self, node: Any, *_: Any) -> Any:
            return REMOVE if node.name.value == "requiredCapabilities" else None

        def enter(self, node: Any, *_: Any) -> Any:
            if getattr(node, "description", None) is not None:
                node.description = None

except ImportError:  # only the maker `schema` needs it
    pass


# What of the REST description is used in tests: the paths of routes.py in the description's words, with their methods.
REST = {
    "/": "get",
    "/meta": "get",
    "/rate_limit": "get",
    "/user": "get",
    "/users/{username}": "get",
    "/users/{username}/repos": "get",
    "/users/{username}/installation": "get",
    "/orgs/{org}": "get",
    "/orgs/{org}/repos": "get post",
    "/orgs/{org}/installation": "get",
    "/installation/repositories": "get",
    "/repos/{owner}/{repo}": "get patch delete",
    "/repos/{owner}/{repo}/topics": "get put",
    "/repos/{owner}/{repo}/transfer": "post",
    "/repos/{owner}/{repo}/contents/{path}": "get put delete",
    "/repos/{owner}/{repo}/hooks/{hook_id}/tests": "post",
    **{
        f"{place}/hooks{rest}": methods
        for place in ("/orgs/{org}", "/repos/{owner}/{repo}")
        for rest, methods in {
            "": "get post",
            "/{hook_id}": "get patch delete",
            "/{hook_id}/config": "get patch",
            "/{hook_id}/pings": "post",
            "/{hook_id}/deliveries": "get",
            "/{hook_id}/deliveries/{delivery_id}": "get",
            "/{hook_id}/deliveries/{delivery_id}/attempts": "post",
        }.items()
    },
    "/app": "get",
    "/app/installations": "get",
    "/app/installations/{installation_id}": "get",
    "/app/installations/{installation_id}/access_tokens": "post",
    "/app/hook/config": "get patch",
    "/app/hook/deliveries": "get",
    "/app/hook/deliveries/{delivery_id}": "get",
    "/app/hook/deliveries/{delivery_id}/attempts": "post",
}
ACTIONS = [
    "archived",
    "created",
    "deleted",
    "edited",
    "privatized",
    "publicized",
    "renamed",
    "transferred",
    "unarchived",
]


def openapi(folder: Path) -> None:
    """The operations in REST: the schemas of their JSON, requests and answers."""
    whole = json.loads((folder / "generated" / "api.github.com.json").read_text("utf-8"))
    paths: dict[str, Any] = {}
    for path, methods in REST.items():
        for method in methods.split():
            operation = whole["paths"][path][method]
            answers = {status: schema_of(whole, answer) for status, answer in operation["responses"].items()}
            request = schema_of(whole, operation["requestBody"]) if "requestBody" in operation else None
            paths.setdefault(path, {})[method] = {"responses": answers, "request": request}
    write("openapi.json.gz", with_schemas(whole, paths, ["basic-error", "validation-error"]))


def webhooks(folder: Path) -> None:
    """The payloads of the events that the embedded GitHub sends."""
    whole = json.loads((folder / "generated" / "api.github.com.json").read_text("utf-8"))
    names = ["ping", "push", "installation-repositories-added", "installation-repositories-removed"]
    names += [f"repository-{action}" for action in ACTIONS]
    found = {name: schema_of(whole, whole["webhooks"][name]["post"]["requestBody"]) for name in names}
    write("openapi-webhooks.json.gz", with_schemas(whole, found, []))


def schema_of(whole: Any, part: Any) -> Any:
    """The schema of a request or an answer; None when it has no JSON."""
    if "$ref" in part:
        part = whole["components"][part["$ref"].split("/")[2]][part["$ref"].split("/")[3]]
    return part.get("content", {}).get("application/json", {}).get("schema")


def with_schemas(whole: Any, paths: Any, more: list[str]) -> Any:
    """The paths and each schema that they lead to."""
    schemas: dict[str, Any] = {}
    wanted = [*more, *references(paths)]
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = bare(whole["components"]["schemas"][name])
            wanted += references(schemas[name])
    return {"paths": bare(paths, True), "components": {"schemas": dict(sorted(schemas.items()))}}


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"].rpartition("/")[2]] if isinstance(part.get("$ref"), str) else []
        return own + [name for value in part.values() for name in references(value)]
    return [name for value in part for name in references(value)] if isinstance(part, list) else []


def bare(schema: Any, names: bool = False) -> Any:
    """Without what is for readers. `names`: the keys are names of properties, not of the schema's own words."""
    if isinstance(schema, list):
        return [bare(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    for_readers = () if names else ("title", "description", "example", "examples", "externalDocs")
    return {k: bare(v, k == "properties" and not names) for k, v in schema.items() if k not in for_readers}


MAKERS = {"examples": examples, "schema": schema, "openapi": openapi, "webhooks": webhooks}

if __name__ == "__main__":
    MAKERS[sys.argv[1]](Path(sys.argv[2]))
