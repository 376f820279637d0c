"""The behaviour of the synchronisation, one file a case in tests/jobs/sync: what there is, and the calls that follow.

A case has `github` (`owner/name`: id, and what its definition is like), `jenkins` (path below the top folder: what is
there), and what is expected of the plan. A definition is a version (`v1`) and what of it a scan works by (`s1`).
"""

import hashlib
import importlib.util
import json
from datetime import date
from pathlib import Path

import pytest

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import ListedOwners
from jenkins_bootstrap.jobs import steps
from jenkins_bootstrap.jobs.comparison import Inputs
from jenkins_bootstrap.jobs.marker import MachineLine
from jenkins_bootstrap.jobs.present import read_present
from jenkins_bootstrap.jobs.sync import plan_sync
from jenkins_bootstrap.jobs.xml import FolderXml, JobXml, Rendered

spec = importlib.util.spec_from_file_location("jenkins_model", Path(__file__).with_name("jenkins_model.py"))
model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)

CASES = sorted((Path(__file__).parent / "sync").glob("*.json"))
KNOWN = {
    "says", "github", "jenkins", "own", "calls", "scans", "warnings", "held_back", "pending", "left_alone", "unchanged",
    "owners", "not_whole", "out", "left_out", "only", "owes_scans", "before", "today", "jobs", "mass_change",
    "drifted",
}  # fmt: skip


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def line_of(words, owner="demo"):
    """`id=1 v1 s1 gone=2026-11-01 owner=other` as a machine line; the words `folder` and `job` are kinds."""
    values = dict(w.split("=") for w in words if "=" in w)
    version = next((w for w in words if w[0] == "v"), "v1")
    scan = next((w for w in words if w[0] == "s" and w[1:].isdigit()), None)
    gone = date.fromisoformat(values["gone"]) if "gone" in values else None
    kind = next((w for w in words if w in ("folder", "job")), "repository")
    number = int(values["id"]) if "id" in values else None
    return MachineLine(
        values.get("owner", owner), number, sha(version), None if scan is None else sha(scan)[:16], gone, kind
    )


def definition(path, text):
    words = text.split()
    line = line_of(words if any(w.startswith("id=") for w in words) else [*words, "job"])
    values = dict(w.split("=") for w in words if "=" in w)
    disabled = "disabled" in words
    return JobXml(
        path=path,
        name=path.rpartition("/")[2],
        owner=path.split("/")[1],
        id=line.id,
        content=model.xml(line, disabled=disabled),
        hash=line.hash,
        pushed_at=values.get("pushed"),
        disabled=disabled,
        structural=line.scan,
        problem="its override is wrong" if "problem" in words else None,
        keep_only="keep-only" in words,
    )


def rendered(case, top):
    jobs = [definition(f"{top}/{name}", text) for name, text in (case.get("github", {}) | case.get("own", {})).items()]
    owners = sorted({j.path.rpartition("/")[0] for j in jobs} | {top})
    folder = MachineLine("demo", None, sha("folder"), kind="folder")
    return Rendered(tuple(FolderXml(p, model.xml(folder, folder=True), sha("folder")) for p in owners), tuple(jobs))


def jenkins(case, top):
    made = model.JenkinsModel()
    for path, text in case.get("jenkins", {}).items():
        words = text.split()
        full = f"{top}/{path}".rstrip("/")
        if words[0] == "hand":
            made.put(full, model.xml(None, folder="folder" in words))
        elif words[0] == "folder":
            made.put(full, model.xml(line_of(words), folder=True))
        else:
            made.put(full, model.xml(line_of(words), disabled="gone=" in text))
    return made


MADE = {}


def settings_of(settings, owners, jobs):
    key = json.dumps([owners, jobs])
    if key not in MADE:
        more = {"github": {"owners": [{"name": name} for name in owners]}, "jobs": jobs}
        MADE[key] = type(settings).model_validate(
            settings.model_dump(exclude={"github", "jobs"}, exclude_none=True) | more
        )
    return MADE[key]


def inputs_of(case, settings, made, top, old=None):
    owners = case.get("owners", ["acme"])
    settings = settings_of(settings, owners, {"folder": top, **case.get("jobs", {})})
    whole = frozenset(o.lower() for o in owners) - frozenset(case.get("not_whole", []))
    problems = (BootstrapError("not listed"),) if case.get("not_whole") else ()
    out = {int(k): v for k, v in case.get("out", {}).items()}
    return Inputs(
        settings=settings,
        rendered=rendered(case, top),
        listed=ListedOwners((), whole, problems),
        present=read_present(top, made.present(top)),
        today=date.fromisoformat(case.get("today", "2026-11-24")),
        only=case.get("only"),
        why_out=out.get,
        left_out={int(k): v for k, v in case.get("left_out", {}).items()},
        unscanned=frozenset(case.get("owes_scans", [])),
        before=read_present(old, made.present(old)) if old else None,
        mass_change=case.get("mass_change", False),
        drifted=case.get("drifted", {}),
    )


def plan_of(case, settings, made):
    return plan_sync(inputs_of(case, settings, made, "github", case.get("before")))


def short(call):
    return call.replace("job/", "")


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_case(path, settings):
    case = json.loads(path.read_text())
    assert case.keys() <= KNOWN, case.keys() - KNOWN
    made = jenkins(case, case.get("before", "github"))
    plan = plan_of(case, settings, made)
    assert [short(s.call) for s in plan.steps if not isinstance(s, steps.ScanJobs)] == case["calls"]
    scanned = [path.removeprefix("github/") for s in plan.steps if isinstance(s, steps.ScanJobs) for path in s.paths]
    assert scanned == case.get("scans", [])
    assert list(plan.warnings) == case.get("warnings", [])
    assert [short(s.call) for s in plan.held_back] == case.get("held_back", [])
    assert {r.path: str(r.due) for r in plan.pending} == case.get("pending", {})
    assert list(plan.left_alone) == case.get("left_alone", [])
    assert plan.unchanged == case.get("unchanged", 0)
    assert all(step.reason for step in plan.steps)


def test_what_was_done_is_counted_for_people():
    done = [
        steps.create_job("github/acme/a", "1", b"", "new"),
        steps.rename_job("github/acme/b", "2", "b._renaming-2", "", passing=True),
        steps.rename_job("github/acme/b._renaming-2", "2", "c", ""),
        steps.scan_jobs(["github/acme/a"], ["1"], 0),
    ]
    assert steps.counts(done, 7) == {
        "created": 1, "renamed": 1, "moved": 0, "updated": 0, "disabled": 0, "deleted": 0, "folders": 0, "scans": 1,
        "unchanged": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [{}, {"_class": "x"}, {"_class": None, "jobs": 1}, [], {"_class": "com.cloudbees.hudson.plugins.folder.Folder"}],
)
def test_a_listing_of_another_shape_is_an_error_and_not_an_empty_folder(answer):
    if answer == {"_class": "x"} or answer == {"_class": None, "jobs": 1}:
        assert not read_present("github", answer).items[0].is_folder
        return
    with pytest.raises(BootstrapError, match="not that of a folder"):
        read_present("github", answer)
