"""The dated seed that an image carries."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.seed import seed_files
from jenkins_bootstrap.jobs.xml import render_all

LISTED = datetime(2026, 11, 24, 5, 30, 15, tzinfo=UTC)


def test_every_definition_is_in_it_under_the_name_that_seed_json_gives(two_owners, organisation):
    everything = render_all(two_owners, organisation(60, ("acme-demo", "Other-Org")))
    rendered = everything.seed()
    files = seed_files(rendered.jobs, rendered.folders, LISTED)
    seed = json.loads(files.pop("seed.json"))
    assert seed["schema"] == 1
    assert seed["listed_at"] == "2026-11-24T05:30:15Z"
    assert seed["installation"] == "demo"
    assert {j["path"]: files[j["file"]] for j in seed["jobs"]} == {j.path: j.xml for j in rendered.jobs}
    assert {j.path for j in everything.jobs} - {j.path for j in rendered.jobs} == {
        "github/_jenkins-bootstrap/reconcile"
    }
    assert {f["path"]: files[f["file"]] for f in seed["folders"]} == {f.path: f.xml for f in rendered.folders}
    assert [f["path"] for f in seed["folders"]] == [f.path for f in rendered.folders]
    assert len(files) == 64
    first = rendered.jobs[0]
    assert {key: seed["jobs"][0][key] for key in ("owner", "name", "id", "hash", "pushed_at")} == {
        "owner": first.owner, "name": first.name, "id": first.id, "hash": first.hash, "pushed_at": first.pushed_at,
    }  # fmt: skip


def test_the_same_listing_gives_the_same_bytes_in_any_time_zone_and_order(settings, organisation):
    listed = organisation(20)
    one, two = render_all(settings, listed).seed(), render_all(settings, listed[::-1]).seed()
    elsewhere = LISTED.astimezone(timezone(timedelta(hours=9)))
    seed = seed_files(one.jobs, one.folders, LISTED)
    assert seed_files(two.jobs, two.folders, elsewhere) == seed
    assert seed_files(one.jobs, one.folders, LISTED + timedelta(seconds=1)) != seed


@pytest.mark.parametrize("name", ["-x", "con", "...", ".github", "a" * 100])
def test_every_name_that_github_gives_is_a_safe_file_name(settings, name):
    rendered = render_all(settings, [Repository("acme-demo", "tool", 1)])
    job = replace(rendered.jobs[0], name=name)
    assert f"xml/acme-demo/{name}.xml" in seed_files([job], rendered.folders, LISTED)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc/passwd", "a\x00", "a" * 101])
def test_a_name_that_is_no_file_name_is_an_error_that_names_the_repository(settings, name):
    rendered = render_all(settings, [Repository("acme-demo", "tool", 1)])
    job = replace(rendered.jobs[0], name=name)
    with pytest.raises(BootstrapError) as error:
        seed_files([job], rendered.folders, LISTED)
    assert repr(f"acme-demo/{name}") in str(error.value)


def test_a_seed_without_a_top_folder_is_an_error(settings):
    with pytest.raises(BootstrapError, match="top folder"):
        seed_files(render_all(settings, []).jobs, [], LISTED)


def test_a_job_that_is_only_kept_where_it_is_is_no_part_of_it(settings):
    listed = [
        Repository("acme-demo", "a", 1, archived=True),
        Repository("acme-demo", "b", 2, override="disabled: true"),
    ]
    assert render_all(settings, [*listed, Repository("acme-demo", "c", 3)]).seed().jobs[0].name == "c"
    assert render_all(settings, listed).seed().jobs == ()
