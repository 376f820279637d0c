"""One repository, as the listing would give it: what a webhook or a person names, under the name it has now."""

from __future__ import annotations

from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.github import repository
from jenkins_bootstrap.github.client import API_URL_HINT, Client
from jenkins_bootstrap.github.errors import NotFound, NotGitHub, NotResolved

BY_NAME = f"""
query ($owner: String!, $name: String!, {repository.DECLARED}) {{
  found: repository(owner: $owner, name: $name, followRenames: true) {{ __typename owner {{ login }} ...facts }}
}}
{repository.FRAGMENT}"""
BY_NODE = f"""
query ($node: ID!, {repository.DECLARED}) {{
  found: node(id: $node) {{ __typename ... on Repository {{ owner {{ login }} ...facts }} }}
}}
{repository.FRAGMENT}"""


def read_repository(
    client: Client,
    *,
    owner: str = "",
    name: str = "",
    node: str = "",
    number: int = 0,
    script_path: str = "Jenkinsfile",
    override_file: str | None = None,
) -> Repository | None:
    """The facts of one repository in one GraphQL call, or None when it is gone, or may not be seen.

    Names that it had are followed, across owners too: the answer has the owner and name of now.

    Args:
        client: the connection, signed in for an owner that may see it.
        owner, name: what it is called; or
        node: its node id, `repository.node_id` of a webhook; or
        number: its database id, which costs one REST call more.
        script_path, override_file: as in the listing.

    Raises:
        GitHubError: GitHub could not be asked, or refused.
    """
    subject = f"repository {owner}/{name}" if name else f"repository {node or number}"
    if number and not node:
        try:
            node = str(client.get(f"/repositories/{number}", subject=subject).data["node_id"])
        except NotFound:
            return None
        except (KeyError, TypeError) as error:
            raise NotGitHub("a repository without a node_id", where=subject, hint=API_URL_HINT) from error
    query, by = (BY_NODE, {"node": node}) if node else (BY_NAME, {"owner": owner, "name": name})
    try:
        data, _answer = client.graphql(
            query, {**by, **repository.variables(script_path, override_file)}, subject=subject
        )
    except NotResolved:
        return None
    found = data.get("found")
    try:
        if found is None or found["__typename"] != "Repository":
            return None
        return repository.read(str(found["owner"]["login"]), found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotGitHub(
            f"the answer lacks what was asked for ({type(error).__name__}: {error})", where=subject, hint=API_URL_HINT
        ) from error
