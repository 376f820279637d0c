"""A small organisation, a source that lists it, and a Jenkins in memory."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import ListedOwners, Repository

spec = importlib.util.spec_from_file_location(
    "jenkins_model_of_jobs", Path(__file__).parents[1] / "jobs/jenkins_model.py"
)
model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)


@dataclass
class Source:
    """GitHub as a list. An owner in `broken` cannot be listed."""

    settings: Settings
    repositories: list = field(default_factory=list)
    broken: set = field(default_factory=set)
    asked: list = field(default_factory=list)

    def list_all(self):
        self.asked.append("all")
        names = [o.name.lower() for o in self.settings.github.owners]
        return ListedOwners(
            tuple(r for r in self.repositories if r.owner.lower() in names and r.owner.lower() not in self.broken),
            frozenset(names) - self.broken,
            tuple(BootstrapError(f"{owner} is not listed") for owner in sorted(self.broken)),
        )

    def read(self, only):
        self.asked.append(only)
        for r in self.repositories:
            if r.id == only.id or (only.id is None and r.full_name.lower() == f"{only.owner}/{only.name}".lower()):
                return r
        return None


@pytest.fixture(scope="session")
def shapes(tmp_path_factory):
    """Renderings are kept between tests: jenkins-job-builder takes half a second."""
    return tmp_path_factory.mktemp("shapes")


@pytest.fixture
def state(tmp_path, shapes):
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "shapes").symlink_to(shapes)
    return folder


@pytest.fixture
def jenkins():
    return model.JenkinsModel()


@pytest.fixture
def source(settings):
    names = ["api", "web", "docs", "tools"]
    return Source(settings, [repository(name, place + 1) for place, name in enumerate(names)])


def repository(name, number, owner="acme-demo", **more):
    return Repository(owner, name, number, pushed_at=f"2026-11-{number:02}T00:00:00Z", **more)
