"""Which delivery asks for which look: the table of GitHub's events and actions."""

import pytest

from jenkins_bootstrap.receiver.events import ACTIONS, Malformed, Target, effect_of

ONE = Target("acme-demo", "one", 7)


def push(payload, *files, branch="main", **more):
    commits = [{"added": a, "removed": r, "modified": m} for a, r, m in files]
    return payload(action=None, ref=f"refs/heads/{branch}", commits=commits) | more


@pytest.mark.parametrize("action", [*ACTIONS, "an_action_of_tomorrow"])
def test_each_action_of_a_repository_is_a_look_at_it_alone(action, settings, payload):
    assert effect_of("repository", payload(action), settings).targets == (ONE,)


def test_a_renamed_repository_is_known_by_its_id(settings, payload):
    effect = effect_of("repository", payload("renamed", name="new", changes={"repository": {}}), settings)
    assert effect.targets == (Target("acme-demo", "new", 7),)


@pytest.mark.parametrize("kind", ["user", "organization"])
@pytest.mark.parametrize(
    ("owner", "previous", "looked_at"),
    [
        ("acme-demo", "stranger", "acme-demo"),  # in
        ("stranger", "acme-demo", "acme-demo"),  # out: the job is where it was
        ("octocat", "acme-demo", "octocat"),  # between two of ours
    ],
)
def test_a_transferred_repository(kind, owner, previous, looked_at, settings, payload):
    changes = {"owner": {"from": {kind: {"login": previous}}}}
    effect = effect_of("repository", payload("transferred", owner=owner, changes=changes), settings)
    assert effect.targets == (Target(looked_at, "one", 7),)


def test_a_transfer_between_strangers_asks_for_nothing(settings, payload):
    changes = {"owner": {"from": {"user": {"login": "other"}}}}
    assert not effect_of("repository", payload("transferred", owner="stranger", changes=changes), settings)


def test_owners_are_told_apart_without_regard_to_case(settings, payload):
    assert effect_of("repository", payload(owner="Acme-Demo"), settings)


@pytest.mark.parametrize("event", ["repository", "push"])
def test_another_owners_repository_asks_for_nothing(event, settings, payload):
    assert not effect_of(event, payload(owner="stranger", ref="refs/heads/main", commits=None), settings)


@pytest.mark.parametrize(
    ("files", "looks"),
    [
        ([([], [], ["README"])], False),
        ([([], [], ["Jenkinsfile"])], False),  # the branch job reads it itself
        ([(["Jenkinsfile"], [], [])], True),
        ([([], ["Jenkinsfile"], [])], True),
        ([([], [], [".jenkins.yml"])], True),
        ([([], [".jenkins.yml"], [])], True),
        ([([], [], []), ([".jenkins.yml"], [], [])], True),
        ([(["docs/.jenkins.yml", "sub/Jenkinsfile"], [], [])], False),
        ([([], [], [])] * 19, False),
        ([([], [], [])] * 20, True),  # may be cut off
        ([([], [], [f"file-{n}" for n in range(3000)])], True),
        ([(None, [], [])], True),
    ],
)
def test_a_push_is_looked_at_when_it_touches_what_a_job_is_made_of(files, looks, settings, payload):
    assert bool(effect_of("push", push(payload, *files), settings)) is looks


@pytest.mark.parametrize("flag", ["created", "deleted", "forced"])
def test_a_forced_or_new_branch_may_lack_what_no_commit_tells(flag, settings, payload):
    assert effect_of("push", push(payload, **{flag: True}), settings)


def test_a_push_without_a_list_of_commits_counts_as_touched(settings, payload):
    assert effect_of("push", payload(ref="refs/heads/main"), settings)


@pytest.mark.parametrize("ref", ["refs/heads/topic", "refs/tags/main", "refs/heads/main2"])
def test_a_push_to_anything_but_the_default_branch_asks_for_nothing(ref, settings, payload):
    assert not effect_of("push", push(payload, (["Jenkinsfile"], [], []), ref=ref), settings)


def test_another_script_path_and_no_override_file(settings, payload):
    jobs = settings.jobs.model_copy(update={"script_path": "ci/build", "override_file": None})
    other = settings.model_copy(update={"jobs": jobs})
    assert not effect_of("push", push(payload, (["Jenkinsfile", ".jenkins.yml"], [], [])), other)
    assert effect_of("push", push(payload, (["ci/build"], [], [])), other)


def test_the_other_id_goes_along_when_it_is_one(settings, payload):
    for node, kept in (("R_kgDOA=", "R_kgDOA="), ("a b", ""), (7, ""), (None, "")):
        sent = payload()
        sent["repository"]["node_id"] = node
        assert effect_of("repository", sent, settings).targets[0].node == kept


def installed(added=(), removed=(), login="acme-demo", selection="selected"):
    rows = {"repositories_added": list(added), "repositories_removed": list(removed)}
    return {"installation": {"account": {"login": login}}, "repository_selection": selection, **rows}


def test_repositories_given_to_the_app_and_taken_from_it(settings):
    effect = effect_of(
        "installation_repositories", installed([{"id": 7, "name": "one"}], [{"id": 8, "name": "two"}]), settings
    )
    assert effect.targets == (ONE, Target("acme-demo", "two", 8))


@pytest.mark.parametrize(
    "sent",
    [
        installed(),
        installed([{"id": n, "name": f"r{n}"} for n in range(1, 30)]),
    ],
)
def test_an_app_given_many_repositories_is_a_look_at_everything(sent, settings):
    assert effect_of("installation_repositories", sent, settings).everything


def test_a_repository_made_where_the_app_has_all_is_one_look(settings):
    sent = installed([{"id": 7, "name": "one"}], selection="all")
    assert effect_of("installation_repositories", sent, settings).targets == (ONE,)


def test_an_app_of_another_owner_asks_for_nothing(settings):
    assert not effect_of("installation_repositories", installed(login="stranger"), settings)


@pytest.mark.parametrize("event", ["ping", "issues", "workflow_run", "no such event", ""])
def test_other_events_ask_for_nothing(event, settings):
    assert not effect_of(event, {}, settings)


@pytest.mark.parametrize(
    "repository",
    [
        None,
        [],
        {"id": "7"},
        {"id": True, "name": "one", "owner": {"login": "acme-demo"}},
        {"id": 0, "name": "one", "owner": {"login": "acme-demo"}},
        {"id": 2**63, "name": "one", "owner": {"login": "acme-demo"}},
        {"id": 7, "name": "a/b", "owner": {"login": "acme-demo"}},
        {"id": 7, "name": "a\nb", "owner": {"login": "acme-demo"}},
        {"id": 7, "name": "one", "owner": None},
        {"id": 7, "name": "one", "owner": {"login": "../x"}},
    ],
)
@pytest.mark.parametrize("event", ["repository", "push"])
def test_what_github_would_not_send_is_malformed(event, repository, settings):
    with pytest.raises(Malformed):
        effect_of(event, {"repository": repository, "ref": "refs/heads/main"}, settings)


@pytest.mark.parametrize(
    "sent",
    [{}, {"installation": {"account": {"login": 3}}}, installed() | {"repositories_added": 3}, installed([{"id": 1}])],
)
def test_an_installation_that_github_would_not_send_is_malformed(sent, settings):
    with pytest.raises(Malformed):
        effect_of("installation_repositories", sent, settings)


def test_a_push_without_a_ref_is_malformed(settings, payload):
    with pytest.raises(Malformed):
        effect_of("push", payload(ref=None), settings)
