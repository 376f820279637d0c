"""What is asked of a repository in GraphQL, and the facts read from the answer: one fragment for every query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jenkins_bootstrap.facts import Repository

# GitHub allows 20 topics a repository, so that the inner connection needs no second page.
FRAGMENT = """
fragment facts on Repository {
  databaseId
  name
  description
  isArchived
  isFork
  visibility
  pushedAt
  defaultBranchRef { name }
  primaryLanguage { name }
  repositoryTopics(first: 20) { nodes { topic { name } } }
  jenkinsfile: object(expression: $jenkinsfile) { __typename }
  override: object(expression: $override) @include(if: $overrides) {
    __typename
    ... on Blob { byteSize isBinary isTruncated text }
  }
}
"""
DECLARED = "$jenkinsfile: String!, $override: String!, $overrides: Boolean!"
"""The variables of the fragment, as a query has to declare them."""

MOST_OVERRIDE_BYTES = 10 * 1024


def variables(script_path: str, override_file: str | None) -> dict[str, Any]:
    """The values of the fragment's variables. Paths are of the default branch; None: no override is asked for."""
    return {
        "jenkinsfile": f"HEAD:{script_path}",
        "override": f"HEAD:{override_file or ''}",
        "overrides": override_file is not None,
    }


def read(owner: str, node: Mapping[str, Any]) -> Repository:
    """The facts in an answer; `owner` as GitHub spells it.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: a field is not there or has not its shape.
    """
    branch, language, jenkinsfile = node["defaultBranchRef"], node["primaryLanguage"], node["jenkinsfile"]
    override, problem = _override(node.get("override"))
    return Repository(
        owner=owner,
        name=str(node["name"]),
        id=int(node["databaseId"]),
        # An empty repository has no branch yet; it has no Jenkinsfile either.
        default_branch="main" if branch is None else str(branch["name"]),
        description=node["description"] or "",
        archived=bool(node["isArchived"]),
        fork=bool(node["isFork"]),
        # An internal one is hidden from the world too.
        private=node["visibility"] != "PUBLIC",
        language=None if language is None else str(language["name"]),
        topics=tuple(str(t["topic"]["name"]) for t in node["repositoryTopics"]["nodes"]),
        # A folder of that name is a Tree; Jenkins wants a file.
        has_jenkinsfile=jenkinsfile is not None and jenkinsfile["__typename"] == "Blob",
        pushed_at=node["pushedAt"],
        override=override,
        override_problem=problem,
    )


def _override(found: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """The text of the override file, or why there is none although something is at its path."""
    if found is None:
        return None, None
    if found["__typename"] != "Blob":
        return None, "is a folder" if found["__typename"] == "Tree" else "is no file"
    if int(found["byteSize"]) > MOST_OVERRIDE_BYTES:
        return None, f"is larger than {MOST_OVERRIDE_BYTES} bytes ({found['byteSize']})"
    if found["isBinary"] or found["text"] is None:
        return None, "is binary, or no UTF-8 text"
    if found["isTruncated"]:
        return None, "is not given whole by GitHub"
    return str(found["text"]), None
