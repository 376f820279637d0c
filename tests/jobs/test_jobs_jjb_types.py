"""Our project types and components, through jenkins-job-builder itself."""

import xml.etree.ElementTree as ET

import pytest

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.jobs.jjb import Builder
from jenkins_bootstrap.jobs.marker import definition_hash, read_line

FREESTYLE = {
    "keepDependencies", "blockBuildWhenDownstreamBuilding", "blockBuildWhenUpstreamBuilding", "concurrentBuild",
    "canRoam", "scm", "publishers", "buildWrappers", "views", "viewsTabBar",
}  # fmt: skip
SOURCE = "sources/data/jenkins.branch.BranchSource/source"
TRAITS = f"{SOURCE}/traits"


def job(options="", keys="", kind="multibranch-github"):
    text = f"""
- job:
    name: tool
    project-type: {kind}
    description: A tool
    properties:
      - jenkins-bootstrap: {{installation: demo, id: 5}}
"""
    if kind == "multibranch-github":
        text += f"    scm: [github-repository: {{id: 5, repo-owner: acme, repo: tool, {options}}}]\n"
    return ET.fromstring(Builder([]).render(text + keys)["tool"])


def traits(root):
    return [trait.tag.rpartition(".")[2] for trait in root.find(TRAITS)]


def test_a_job_has_its_source_and_nothing_that_jenkins_drops():
    root = job()
    assert root.tag == "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
    assert not FREESTYLE & {child.tag for child in root}
    assert root.find(SOURCE).get("class") == "org.jenkinsci.plugins.github_branch_source.GitHubSCMSource"
    assert root.findtext(f"{SOURCE}/id") == "5"
    assert root.findtext(f"{SOURCE}/repositoryUrl") == "https://github.com/acme/tool"
    assert root.findtext(f"{SOURCE}/apiUri") == "https://api.github.com"
    assert root.find(f"{SOURCE}/credentialsId") is None
    assert list(root.find("properties")) == []


def test_the_defaults_build_branches_and_own_pull_requests_and_no_forks():
    assert traits(job()) == ["BranchDiscoveryTrait", "OriginPullRequestDiscoveryTrait"]


def test_every_option_has_its_element():
    root = job(
        "branch-discovery: all, discover-pr-origin: both, discover-pr-forks-strategy: current, discover-tags: true,"
        "discover-pr-forks-trust: nobody, ignore-drafts: true, head-filter-include: 'main v*', wipe-workspace: true,"
        "keep-builds: 3, rate-limit: {count: 2, per: day}, untrusted: true"
    )
    assert traits(root) == [
        "BranchDiscoveryTrait", "OriginPullRequestDiscoveryTrait", "ForkPullRequestDiscoveryTrait", "TagDiscoveryTrait",
        "IgnoreDraftPullRequestFilterTrait", "WildcardSCMHeadFilterTrait", "WipeWorkspaceTrait",
    ]  # fmt: skip
    assert [e.text for e in root.find(TRAITS).iter("strategyId")] == ["3", "3", "2"]
    assert root.find(TRAITS).find(".//trust").get("class").endswith("ForkPullRequestDiscoveryTrait$TrustNobody")
    properties = root.find(".//strategy/properties/a")
    assert [p.tag for p in properties] == [
        "jenkins.branch.BuildRetentionBranchProperty",
        "jenkins.branch.RateLimitBranchProperty",
        "jenkins.branch.UntrustedBranchProperty",
    ]
    assert properties.findtext(".//numToKeep") == "3"
    assert properties.findtext(".//daysToKeep") == "-1"
    assert properties.findtext(".//durationName") == "day"


def test_everything_can_be_switched_off():
    root = job("branch-discovery: false, discover-pr-origin: false")
    assert traits(root) == []
    assert root.find(".//strategy/properties").get("class") == "empty-list"


@pytest.mark.parametrize(
    ("uri", "normal", "web"),
    [
        ("https://GHE.example.org/api/v3/", "https://ghe.example.org/api/v3", "https://ghe.example.org/acme/tool"),
        ("http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080/acme/tool"),
        ("HTTPS://API.GitHub.com", "https://api.github.com", "https://github.com/acme/tool"),
    ],
)
def test_the_api_root_is_written_as_the_plugin_writes_it(uri, normal, web):
    root = job(f"api-uri: '{uri}'")
    assert root.findtext(f"{SOURCE}/apiUri") == normal
    assert root.findtext(f"{SOURCE}/repositoryUrl") == web


@pytest.mark.parametrize(
    ("every", "cron", "interval"),
    [
        ("1m", "* * * * *", 60_000),
        ("5m", "* * * * *", 300_000),
        ("30m", "H/5 * * * *", 1_800_000),
        ("1h", "H/15 * * * *", 3_600_000),
        ("8h", "H/30 * * * *", 28_800_000),
        ("12h", "H H/4 * * *", 43_200_000),
        ("1d", "H H/4 * * *", 86_400_000),
        ("2d", "H H/12 * * *", 172_800_000),
        ("1w", "H H * * *", 604_800_000),
        ("4w", "H H * * *", 2_419_200_000),
    ],
)
def test_the_scan_trigger_is_written_as_the_plugin_writes_it(every, cron, interval):
    trigger = job(keys=f"    periodic-folder-trigger: {every}\n").find("triggers")[0]
    assert (trigger.findtext("spec"), trigger.findtext("interval")) == (cron, str(interval))


def test_never_is_no_trigger():
    assert list(job(keys="    periodic-folder-trigger: never\n").find("triggers")) == []


@pytest.mark.parametrize(
    "options",
    ["branch-discovery: some", "discover-pr-forks-strategy: current, discover-pr-forks-trust: me", "repo: ''",
     "rate-limit: {per: moment}"],
)  # fmt: skip
def test_a_wrong_option_is_an_error_in_jenkins_job_builders_words(options):
    with pytest.raises(BootstrapError) as error:
        job(options)
    assert error.value.where == "jenkins-job-builder"
    assert options.split(":")[0].split(",")[0] in str(error.value) or "trust" in str(error.value)


@pytest.mark.parametrize("keys", ["    periodic-folder-trigger: 3h\n"])
def test_a_wrong_interval_is_an_error_that_lists_the_right_ones(keys):
    with pytest.raises(BootstrapError, match="never"):
        job(keys=keys)


def test_missing_entry_points_are_explained(monkeypatch):
    import pkg_resources

    real = pkg_resources.iter_entry_points
    monkeypatch.setattr(
        pkg_resources,
        "iter_entry_points",
        lambda group, name=None: (p for p in real(group, name) if p.dist.project_name != "jenkins-bootstrap"),
    )
    with pytest.raises(BootstrapError) as error:
        Builder([]).render("- job: {name: x, project-type: multibranch-github}")
    assert "entry points are missing" in error.value.hint


def test_a_type_that_nobody_has_is_the_templates_fault():
    with pytest.raises(BootstrapError) as error:
        Builder([]).render("- job: {name: x, project-type: multibrunch}")
    assert "multibrunch" in error.value.what
    assert "template" in error.value.hint


def test_no_source_is_an_error():
    with pytest.raises(BootstrapError, match="scm"):
        Builder([]).render("- job: {name: x, project-type: multibranch-github}")


def test_two_sources_stay_two():
    text = """
- job:
    name: tool
    project-type: multibranch-github
    scm:
      - github-repository: {id: 5, repo-owner: acme, repo: a}
      - github-repository: {id: 6, repo-owner: acme, repo: b}
"""
    root = ET.fromstring(Builder([]).render(text)["tool"])
    assert [e.text for e in root.iterfind(f"{SOURCE}/id")] == ["5", "6"]
    assert not FREESTYLE & {child.tag for child in root}


def test_a_macro_of_a_user_can_be_the_source():
    text = """
- scm:
    name: of-acme
    scm: [github-repository: {id: '{id}', repo-owner: acme, repo: '{repo}'}]
- job:
    name: tool
    project-type: multibranch-github
    scm: [of-acme: {id: 9, repo: anvil}]
"""
    root = ET.fromstring(Builder([]).render(text)["tool"])
    assert root.findtext(f"{SOURCE}/repository") == "anvil"


def test_a_managed_job_has_our_line_in_place_of_the_other_marker():
    description = job().findtext("description")
    text, _, line = description.rpartition("\n")
    assert text == "A tool\n"
    assert line.startswith("jenkins-bootstrap: owner=demo id=5 hash=")
    assert "Managed by Jenkins Job Builder" not in description


def test_a_freestyle_job_can_be_managed_and_keeps_what_it_needs():
    root = job(kind="freestyle")
    assert root.tag == "project"
    assert {"canRoam", "publishers", "buildWrappers"} <= {child.tag for child in root}
    xml = ET.tostring(root)
    assert read_line(xml).id == 5
    assert read_line(xml).hash == definition_hash(xml)


def test_a_job_that_is_not_managed_keeps_jenkins_job_builders_marker():
    xml = Builder([]).render("- job: {name: theirs, description: mine}")["theirs"]
    assert ET.fromstring(xml).findtext("description") == "mine<!-- Managed by Jenkins Job Builder -->"
    assert read_line(xml) is None


@pytest.mark.parametrize("values", ["{id: 5}", "{installation: demo, id: five}"])
def test_an_incomplete_mark_is_an_error(values):
    with pytest.raises(BootstrapError):
        Builder([]).render(f"- job: {{name: x, properties: [jenkins-bootstrap: {values}]}}")


def test_a_folder_is_only_a_folder():
    text = "- job: {name: f, project-type: bootstrap-folder, properties: [jenkins-bootstrap: {installation: demo}]}"
    xml = Builder([]).render(text)["f"]
    root = ET.fromstring(xml)
    assert root.tag == "com.cloudbees.hudson.plugins.folder.Folder"
    assert not FREESTYLE & {child.tag for child in root}
    assert read_line(xml).id is None
