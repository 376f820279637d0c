"""The override of a repository: everything it may say, and nothing that it may not."""

import pytest
import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from jenkins_bootstrap.jobs.overrides import MOST_BYTES, NONE, SCANS, Override, OverrideProblem, read_override

ALL = """
branches: [main, release/*, 1.10, null]
exclude_branches:
  - "*-wip"
script_path: ci/Jenkinsfile
retention:
  builds: 5
  days: 10
triggers:
  scan_every: 1w
  pull_requests: false
  draft_pull_requests: false
disabled: true
"""


def problem(text, settings):
    found = read_override(text, settings)
    assert isinstance(found, OverrideProblem), found
    return found.text


def test_every_key_has_its_effect_and_names_stay_the_texts_they_are(settings):
    assert read_override(ALL, settings) == Override(
        branches=("main", "release/*", "1.10", "null"),
        exclude_branches=("*-wip",),
        script_path="ci/Jenkinsfile",
        keep_builds=5,
        keep_days=10,
        scan_every="1w",
        pull_requests=False,
        draft_pull_requests=False,
        disabled=True,
    )


@pytest.mark.parametrize(
    "text",
    ["", "# only words\n", "---\n", "{}", "branches:\n", "retention:\n  # builds: 3\n", "branches: []", "disabled: ~"],
)
def test_what_says_nothing_changes_nothing(settings, text):
    assert read_override(text, settings) == NONE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("credentials: root-key", "unknown key 'credentials'"),
        ("credentials_id: root-key", "unknown key 'credentials_id'"),
        ("api_uri: http://evil.example", "unknown key 'api_uri'"),
        ("template: github-freestyle", "unknown key 'template'"),
        ("builders: [{shell: id}]", "unknown key 'builders'"),
        ("forks: true", "unknown key 'forks'"),
        ("branchs: [main]", "did you mean 'branches'?"),
        ("\n\nretention: {build: 3}", "line 3: unknown key 'build' in retention; did you mean 'builds'?"),
        ("triggers: {cron: '* * * * *'}", "unknown key 'cron' in triggers"),
        ("branches: main", "branches must be a list"),
        ("branches: [main, [x]]", "each of branches must be one value"),
        ("branches: ['a b']", "'a b' in branches is no name"),
        ("branches: ['']", "'' in branches is no name"),
        ("branches: ['-x']", "'-x' in branches"),
        ("branches: ['[a-z]']", "'[a-z]' in branches"),
        ("branches: ['a?']", "'a?' in branches"),
        ("branches: ['" + "a" * 101 + "']", "in branches is no name"),
        ("branches: ['*a*a*a*a']", "at most 3 *"),
        ("branches: [" + "a, " * 51 + "]", "more than 50"),
        ("branches: [*main]", "anchor or an alias"),
        ("branches: &a [main]", "anchor or an alias"),
        ("a: &a [&b [*a, *a]]", "anchor or an alias"),
        ("branches: !!python/object/apply:os.system [id]", "tag"),
        ("script_path: !!str x", "tag"),
        ("script_path: /etc/passwd", "no path of a file inside"),
        ("script_path: ../other/Jenkinsfile", "no path of a file inside"),
        ("script_path: a/../../b", "no path of a file inside"),
        ("script_path: a//b", "no path of a file inside"),
        ("script_path: a/", "no path of a file inside"),
        ("script_path: ./a", "no path of a file inside"),
        ("script_path: 'a?ref=evil'", "no path of a file inside"),
        ("script_path: 'a%2e%2e'", "no path of a file inside"),
        ("script_path: 'a\\b'", "no path of a file inside"),
        ('script_path: "a\\nb"', "no path of a file inside"),
        ('script_path: "a\\u0007"', "no path of a file inside"),
        ("script_path: ' a'", "no path of a file inside"),
        ("script_path: [a]", "script_path must be one value"),
        ("retention: 5", "retention must be keys and values: builds, days"),
        ("retention: {builds: 31}", "from 1 to 30"),
        ("retention: {days: 91}", "from 1 to 90"),
        ("retention: {builds: 0}", "from 1 to 30"),
        ("retention: {builds: -1}", "from 1 to 30"),
        ("retention: {builds: '5'}", "from 1 to 30"),
        ("retention: {builds: 5.0}", "from 1 to 30"),
        ("retention: {builds: 0x5}", "from 1 to 30"),
        ("retention: {builds: ٣}", "from 1 to 30"),
        ("retention: {builds: 99999999999999999999}", "from 1 to 30"),
        ("triggers: {scan_every: 1h}", "is none of 1d, 2d, 1w, 2w, 4w, never"),
        ("triggers: {scan_every: 1m}", "is none of"),
        ("triggers: {pull_requests: true}", "can only be false"),
        ("triggers: {draft_pull_requests: true}", "can only be false"),
        ("triggers: {pull_requests: no}", "neither true nor false"),
        ("disabled: 'true'", "neither true nor false"),
        ("disabled: [true]", "one value"),
        ("disabled: true\ndisabled: false", "line 2: has the key 'disabled' twice"),
        ("- disabled: true", "the file must be keys and values"),
        ("disabled", "the file must be keys and values"),
        ("? [a]\n: b", "a key that is not a word"),
        ("{}\n---\n{}", "more than one document"),
        ("branches: [", "is no YAML"),
        ("a: b: c", "line 1: is no YAML"),
        ("a: [[[[x]]]]", "nested deeper"),
        ("[" * 5000, "nested deeper"),
        ("disabled: true\x00", "is no YAML"),
        ("disabled: \ud800", "is no YAML"),
        ('script_path: "\\UFFFFFFFF"', "is no YAML"),
        ("#" * (MOST_BYTES + 1), "larger than 10240 bytes"),
        ("#" + "é" * (MOST_BYTES // 2), "larger than 10240 bytes"),
    ],
)
def test_what_is_not_allowed_is_named_with_its_line(settings, text, words):
    found = problem(text, settings)
    assert words in found
    assert found.startswith(".jenkins.yml")
    assert len(found) < 400


def test_a_file_of_the_largest_size_is_read(settings):
    assert read_override("#" * MOST_BYTES, settings) == NONE


def test_the_limits_are_those_of_the_settings(settings, with_jobs):
    strict = with_jobs(settings, keep_builds=3, keep_days=2, scan_every="never")
    for text in ("retention: {builds: 4}", "retention: {days: 3}", "triggers: {scan_every: 4w}"):
        problem(text, strict)
        assert isinstance(read_override(text, settings), Override)
    loose = with_jobs(settings, scan_every="1h")
    for often in SCANS:
        assert read_override(f"triggers: {{scan_every: {often}}}", loose).scan_every == often


def test_stars_in_a_row_are_one(settings):
    assert read_override("branches: ['a**/***b']", settings).branches == ("a*/*b",)


def test_it_says_in_words_what_it_asks_for(settings):
    assert str(read_override(ALL, settings)) == (
        "branches main release/* 1.10 null, not branches *-wip, script path ci/Jenkinsfile, builds kept 5, "
        "days kept 10, scan every 1w, no pull requests, no drafts, disabled"
    )
    assert str(NONE) == "nothing"


def test_without_the_c_library_it_is_read_the_same(settings, monkeypatch):
    monkeypatch.delattr(yaml, "CSafeLoader")
    for text in (ALL + "\n", "branches: [*x] ", 'script_path: "\\UFFFFFFFF" '):
        assert read_override(text, settings) == read_override(text.strip(), settings) or "is no YAML" in problem(
            text, settings
        )


ANYTHING = examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
KEYS = st.sampled_from(["branches", "exclude_branches", "script_path", "retention", "triggers", "disabled", "builds"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | ANY, inner, max_size=3),
    max_leaves=6,
)


def within(override, settings):
    assert override.keep_builds is None or 1 <= override.keep_builds <= settings.jobs.keep_builds
    assert override.keep_days is None or 1 <= override.keep_days <= settings.jobs.keep_days
    assert override.scan_every is None or SCANS.index(override.scan_every) >= SCANS.index(settings.jobs.scan_every)
    for glob in (*override.branches, *override.exclude_branches):
        assert not set(glob) & set(" \t\n\r<>&\"'${}\\|;`?[]")
        assert glob.isprintable()
        assert glob.count("*") <= 3
    if override.script_path is not None:
        assert not set(override.script_path) & set("\t\n\r<>&\"'${}\\|;`?[]*%:#~")
        assert override.script_path.isprintable()
        assert not {"", ".", ".."} & set(override.script_path.split("/"))


@ANYTHING
@given(st.dictionaries(KEYS | ANY, VALUES, max_size=4))
def test_no_values_at_all_break_out(settings, values):
    text = yaml.safe_dump(values, allow_unicode=True)
    found = read_override(text, settings)
    if isinstance(found, Override):
        within(found, settings)


@ANYTHING
@given(st.text(alphabet="abx:[]{}-*&!|>'\"#?,\n \t\x00\u2028%@`~0./\\", max_size=60) | ANY)
@example("%YAML 9.9\n---\n{}")
@example("%TAG ! tag:x,2000:\n---\n{}")
@example("\ufeffdisabled: true")
@example("? ")
def test_no_text_at_all_raises(settings, text):
    found = read_override(text, settings)
    assert isinstance(found, Override | OverrideProblem)
    if isinstance(found, Override):
        within(found, settings)
