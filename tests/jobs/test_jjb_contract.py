"""The chain of jenkins-job-builder 6.5 that the project stands on.

Nothing of it is a stable interface: a new version must pass here before it is taken.
"""

import importlib.metadata
import subprocess
import sys
from functools import partial

import pytest
from jenkins_jobs.config import JJBConfig
from jenkins_jobs.constants import MAGIC_MANAGE_STRING
from jenkins_jobs.errors import JenkinsJobsException
from jenkins_jobs.loader import load_files
from jenkins_jobs.registry import ModuleRegistry
from jenkins_jobs.roots import Roots
from jenkins_jobs.xml_config import XmlJobGenerator

from jenkins_bootstrap.resources import share

YAML = """
- job-template:
    name: '{folder}/{name}-{which}'
    id: one
    description: '{text}'
    properties: [jenkins-bootstrap: {installation: '{owner}', id: '{number}'}]
- project:
    name: tool
    folder: top
    owner: demo
    which:
      - "on": {text: "{{x}}", number: "007"}
      - "1.10": {text: "second", number: "8"}
    jobs: [one]
"""


@pytest.fixture
def config():
    config = JJBConfig(str(share("jobs") / "jenkins_jobs.ini"))
    config.validate()
    return config


@pytest.fixture
def generate(config, tmp_path):
    return partial(_generate, config, tmp_path / "jobs.yaml")


def _generate(config, file, text):
    file.write_text(text)
    roots = Roots(config)
    load_files(config, roots, [file])
    registry = ModuleRegistry(config, [])
    registry.set_macros(roots.macros)
    jobs = roots.generate_jobs()
    registry.amend_job_dicts(jobs)
    return jobs, registry


def test_the_version_is_the_pinned_one():
    assert importlib.metadata.version("jenkins-job-builder") == "6.5.0"


def test_yaml_becomes_job_data_with_every_axis_value_formatted_once(generate):
    jobs, _ = generate(YAML)
    assert [job.name for job in jobs] == ["top/tool-on", "top/tool-1.10"]
    assert [job.data["description"] for job in jobs] == ["{x}" + MAGIC_MANAGE_STRING, "second" + MAGIC_MANAGE_STRING]
    assert jobs[0].data["properties"] == [{"jenkins-bootstrap": {"installation": "demo", "id": "007"}}]


def test_job_data_becomes_bytes_of_xml_with_a_declaration(generate):
    jobs, registry = generate(YAML)
    generated = XmlJobGenerator(registry).generateXML(jobs)
    assert [job.name for job in generated] == ["top/tool-on", "top/tool-1.10"]
    assert generated[0].output().startswith(b'<?xml version="1.0" encoding="utf-8"?>\n<project>\n  ')


def test_modules_run_in_the_order_of_their_sequence_and_ours_last(generate):
    _, registry = generate(YAML)
    assert [m.sequence for m in registry.modules] == sorted(m.sequence for m in registry.modules)
    assert type(registry.modules[-1]).__module__ == "jenkins_bootstrap.jobs.jjb_finish"


def test_a_value_that_is_a_whole_template_string_keeps_its_type(generate):
    text = YAML.replace("'{text}'", "'{text}'\n    disabled: '{stop}'").replace(
        "owner: demo", "owner: demo\n    stop: false"
    )
    jobs, _ = generate(text)
    assert jobs[0].data["disabled"] is False


def test_errors_have_lines_with_file_line_and_column(generate):
    with pytest.raises(JenkinsJobsException) as error:
        generate("- job: {name: x}\n- project: {name: p, jobs: [absent]}")
    assert any("jobs.yaml:2:" in line for line in error.value.lines)
    assert any("absent" in line for line in error.value.lines)


def test_a_later_template_of_the_same_id_wins_with_our_configuration(generate):
    jobs, _ = generate(YAML + "- job-template: {name: '{folder}/{name}-{which}', id: one, description: mine}")
    assert jobs[0].data["description"] == "mine" + MAGIC_MANAGE_STRING


def test_an_item_of_a_project_wins_over_what_all_have(generate):
    jobs, _ = generate(
        YAML.replace("folder: top", "folder: top\n    text: usual\n    number: 1").replace('text: "second", ', "")
    )
    assert [job.data["description"].removesuffix(MAGIC_MANAGE_STRING) for job in jobs] == ["{x}", "usual"]
    assert jobs[1].data["properties"][0]["jenkins-bootstrap"]["id"] == "8"


def test_what_files_define_is_told_apart_and_can_be_rendered_apart(config, tmp_path):
    """Builder sets projects and jobs aside, and asks each template for its file."""
    (tmp_path / "templates.yaml").write_text(YAML + "- job: {name: top/own}")
    roots = Roots(config)
    load_files(config, roots, [tmp_path / "templates.yaml"])
    assert list(roots.job_templates) == ["one"]
    assert roots.job_templates["one"].pos.path == (tmp_path / "templates.yaml").resolve()
    assert (list(roots.projects), list(roots.jobs), dict(roots.defaults)) == (["tool"], ["top/own"], {})
    roots.projects, roots.jobs = {}, {}
    assert roots.generate_jobs() == []


def test_one_registry_serves_several_renderings_and_keys_of_ours_reach_the_modules(generate):
    jobs, registry = generate(YAML)
    first = [job.output() for job in XmlJobGenerator(registry).generateXML(jobs)]
    again, _ = generate(YAML)
    registry.amend_job_dicts(again)
    for job in again:
        job.data["some-key-of-ours"] = "x"
    assert [job.output() for job in XmlJobGenerator(registry).generateXML(again)] == first


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("jenkins_jobs.projects", {"multibranch-github", "bootstrap-folder"}),
        ("jenkins_jobs.scm", {"github-checkout", "github-repository"}),
        ("jenkins_jobs.properties", {"jenkins-bootstrap"}),
        ("jenkins_jobs.modules", {"jenkins-bootstrap"}),
    ],
)
def test_our_entry_points_are_installed(group, names):
    assert names <= {point.name for point in importlib.metadata.entry_points(group=group)}


QUIET = """
import sys, warnings
from jenkins_bootstrap.jobs.jjb import Builder
from jenkins_bootstrap.resources import share
Builder([share("jobs")]).render("- job: {name: github/x}")
from pkg_resources import EntryPoint
assert EntryPoint.require.__name__ == "require"  # others find it as it was
warnings.warn("another warning", UserWarning)
"""


def test_the_end_of_pkg_resources_is_told_to_nobody_and_other_warnings_are(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", QUIET], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "pkg_resources is deprecated" not in done.stderr
    assert "UserWarning: another warning" in done.stderr
