"""`scm` components for jenkins-job-builder: `github-repository`, one GitHub repository as the source of branches, and
`github-checkout`, a branch of one for jobs that have no branches of their own.

Element and class names are those of github-branch-source, branch-api, scm-api and git; XStream writes `_` in an element
name as `__`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from jenkins_jobs.errors import InvalidAttributeError, MissingAttributeError

CLASS = "org.jenkinsci.plugins.github_branch_source"
ELEMENT = "org.jenkinsci.plugins.github__branch__source"
GITHUB_API = "https://api.github.com"

BRANCHES = {"no-pr": "1", "only-pr": "2", "all": "3"}
REVISIONS = {"merge-current": "1", "current": "2", "both": "3"}
TRUST = {
    "nobody": "TrustNobody",
    "contributors": "TrustContributors",
    "permission": "TrustPermission",
    "everyone": "TrustEveryone",
}
DURATIONS = ("second", "minute", "hour", "day", "week", "month", "year")


def github_repository(registry: Any, xml_parent: ET.Element, data: Mapping[str, Any]) -> None:
    """yaml: github-repository

    :arg str id: identity of the source; GitHub's numeric id, as with another id every branch is built anew (required)
    :arg str repo-owner: organisation or user (required)
    :arg str repo: name of the repository (required)
    :arg str api-uri: root of GitHub's REST interface (default https://api.github.com)
    :arg str credentials-id: the credential that scans and clones (default none)
    :arg str branch-discovery: no-pr, only-pr, all, or false (default no-pr)
    :arg str discover-pr-origin: merge-current, current, both, or false (default merge-current)
    :arg str discover-pr-forks-strategy: the same for pull requests from forks (default false)
    :arg str discover-pr-forks-trust: nobody, contributors, permission, everyone (default permission)
    :arg bool discover-tags: also tags (default false)
    :arg bool ignore-drafts: leave out pull requests that are drafts (default false)
    :arg str head-filter-include: names of heads to build, separated by spaces, with * (default all)
    :arg str head-filter-exclude: names of heads not to build (default none)
    :arg bool wipe-workspace: empty the workspace before each build (default false)
    :arg int keep-builds: most builds kept of a branch (default all)
    :arg int keep-days: days for which a build is kept (default for ever)
    :arg dict rate-limit: count, per (second ... year), user-boost (default none)
    :arg bool untrusted: no publishers in branches of forks (default false)
    """
    for key in ("id", "repo-owner", "repo"):
        if data.get(key) in (None, ""):
            raise MissingAttributeError(key, "github-repository")
    branch_source = ET.SubElement(xml_parent, "jenkins.branch.BranchSource")
    source = ET.SubElement(branch_source, "source", {"class": f"{CLASS}.GitHubSCMSource"})
    api = _api_uri(str(data.get("api-uri") or GITHUB_API))
    owner, repository = str(data["repo-owner"]), str(data["repo"])
    ET.SubElement(source, "id").text = str(data["id"])
    # Always named: with a repositoryUrl the plugin does not fill in github.com for a missing one.
    ET.SubElement(source, "apiUri").text = api
    if data.get("credentials-id"):
        ET.SubElement(source, "credentialsId").text = str(data["credentials-id"])
    ET.SubElement(source, "repoOwner").text = owner
    ET.SubElement(source, "repository").text = repository
    ET.SubElement(source, "repositoryUrl").text = f"{_web_root(api)}/{owner}/{repository}"
    _traits(ET.SubElement(source, "traits"), data)
    _strategy(branch_source, data)


def github_checkout(registry: Any, xml_parent: ET.Element, data: Mapping[str, Any]) -> None:
    """yaml: github-checkout

    What the component `git` gives, without the elements of old that Jenkins drops, and without wiping.

    :arg str repo-owner: organisation or user (required)
    :arg str repo: name of the repository (required)
    :arg str branch: the branch that is built (required)
    :arg str api-uri: root of GitHub's REST interface (default https://api.github.com)
    :arg str credentials-id: the credential that clones (default none)
    :arg bool wipe-workspace: empty the workspace before each build (default false)
    """
    for key in ("repo-owner", "repo", "branch"):
        if data.get(key) in (None, ""):
            raise MissingAttributeError(key, "github-checkout")
    scm = ET.SubElement(xml_parent, "scm", {"class": "hudson.plugins.git.GitSCM"})
    ET.SubElement(scm, "configVersion").text = "2"
    remote = ET.SubElement(ET.SubElement(scm, "userRemoteConfigs"), "hudson.plugins.git.UserRemoteConfig")
    api = _api_uri(str(data.get("api-uri") or GITHUB_API))
    ET.SubElement(remote, "url").text = f"{_web_root(api)}/{data['repo-owner']}/{data['repo']}.git"
    if data.get("credentials-id"):
        ET.SubElement(remote, "credentialsId").text = str(data["credentials-id"])
    branch = ET.SubElement(ET.SubElement(scm, "branches"), "hudson.plugins.git.BranchSpec")
    ET.SubElement(branch, "name").text = f"refs/heads/{data['branch']}"
    ET.SubElement(scm, "doGenerateSubmoduleConfigurations").text = "false"
    ET.SubElement(scm, "submoduleCfg", {"class": "empty-list"})
    extensions = ET.SubElement(scm, "extensions")
    if data.get("wipe-workspace"):
        ET.SubElement(extensions, "hudson.plugins.git.extensions.impl.WipeWorkspace")


def _api_uri(uri: str) -> str:
    """As the plugin normalises it: no slash at the end, scheme and host in lower case."""
    scheme, separator, rest = uri.rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{host.lower()}{slash}{path}"


def _web_root(api: str) -> str:
    return "https://github.com" if api == GITHUB_API else api.removesuffix("/api/v3")


def _traits(traits: ET.Element, data: Mapping[str, Any]) -> None:
    branches = _choice(data, "branch-discovery", "no-pr", BRANCHES)
    if branches:
        ET.SubElement(ET.SubElement(traits, f"{ELEMENT}.BranchDiscoveryTrait"), "strategyId").text = branches
    origin = _choice(data, "discover-pr-origin", "merge-current", REVISIONS)
    if origin:
        ET.SubElement(ET.SubElement(traits, f"{ELEMENT}.OriginPullRequestDiscoveryTrait"), "strategyId").text = origin
    forks = _choice(data, "discover-pr-forks-strategy", False, REVISIONS)
    if forks:
        trait = ET.SubElement(traits, f"{ELEMENT}.ForkPullRequestDiscoveryTrait")
        ET.SubElement(trait, "strategyId").text = forks
        trust = _choice(data, "discover-pr-forks-trust", "permission", TRUST)
        ET.SubElement(trait, "trust", {"class": f"{CLASS}.ForkPullRequestDiscoveryTrait${trust}"})
    if data.get("discover-tags"):
        ET.SubElement(traits, f"{ELEMENT}.TagDiscoveryTrait")
    if data.get("ignore-drafts"):
        ET.SubElement(traits, f"{ELEMENT}.IgnoreDraftPullRequestFilterTrait")
    if data.get("head-filter-include") or data.get("head-filter-exclude"):
        trait = ET.SubElement(traits, "jenkins.scm.impl.trait.WildcardSCMHeadFilterTrait")
        ET.SubElement(trait, "includes").text = str(data.get("head-filter-include") or "*")
        ET.SubElement(trait, "excludes").text = str(data.get("head-filter-exclude") or "")
    if data.get("wipe-workspace"):
        trait = ET.SubElement(traits, "jenkins.plugins.git.traits.WipeWorkspaceTrait")
        ET.SubElement(trait, "extension", {"class": "hudson.plugins.git.extensions.impl.WipeWorkspace"})


def _strategy(branch_source: ET.Element, data: Mapping[str, Any]) -> None:
    """Properties that every branch gets, as branch-api keeps them: an array wrapped by Arrays.asList."""
    strategy = ET.SubElement(branch_source, "strategy", {"class": "jenkins.branch.DefaultBranchPropertyStrategy"})
    properties = [*_retention(data), *_rate_limit(data), *_untrusted(data)]
    if not properties:
        ET.SubElement(strategy, "properties", {"class": "empty-list"})
        return
    wrapper = ET.SubElement(strategy, "properties", {"class": "java.util.Arrays$ArrayList"})
    ET.SubElement(wrapper, "a", {"class": "jenkins.branch.BranchProperty-array"}).extend(properties)


def _retention(data: Mapping[str, Any]) -> list[ET.Element]:
    if "keep-builds" not in data and "keep-days" not in data:
        return []
    element = ET.Element("jenkins.branch.BuildRetentionBranchProperty")
    discarder = ET.SubElement(element, "buildDiscarder", {"class": "hudson.tasks.LogRotator"})
    ET.SubElement(discarder, "daysToKeep").text = str(data.get("keep-days", -1))
    ET.SubElement(discarder, "numToKeep").text = str(data.get("keep-builds", -1))
    ET.SubElement(discarder, "artifactDaysToKeep").text = "-1"
    ET.SubElement(discarder, "artifactNumToKeep").text = "-1"
    ET.SubElement(discarder, "removeLastBuild").text = "false"
    return [element]


def _rate_limit(data: Mapping[str, Any]) -> list[ET.Element]:
    limit = data.get("rate-limit")
    if not limit:
        return []
    if limit.get("per", "hour") not in DURATIONS:
        raise InvalidAttributeError("rate-limit.per", limit.get("per"), DURATIONS)
    element = ET.Element("jenkins.branch.RateLimitBranchProperty")
    ET.SubElement(element, "durationName").text = limit.get("per", "hour")
    ET.SubElement(element, "count").text = str(limit.get("count", 1))
    ET.SubElement(element, "userBoost").text = str(limit.get("user-boost", False)).lower()
    return [element]


def _untrusted(data: Mapping[str, Any]) -> list[ET.Element]:
    if not data.get("untrusted"):
        return []
    element = ET.Element("jenkins.branch.UntrustedBranchProperty")
    ET.SubElement(element, "publisherWhitelist", {"class": "sorted-set"})
    return [element]


def _choice(data: Mapping[str, Any], key: str, default: Any, known: Mapping[str, str]) -> str | None:
    """The plugin's number or class for a word; None when the choice is switched off."""
    value = data.get(key, default)
    if value is False or value is None:
        return None
    if value not in known:
        raise InvalidAttributeError(key, value, list(known))
    return known[value]
