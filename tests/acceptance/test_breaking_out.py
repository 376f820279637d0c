"""Names and values that would break out of Groovy, XML or a shell arrive as they are, in one boot with all of them."""

import pytest

EVIL = (
    """'''+new File('{marker}').setText('out')+'''""",
    """${{new File('{marker}').setText('out')}}""",
    """$(touch {marker}) `touch {marker}` ; touch {marker} #""",
    """]]></description><script>alert(1)</script><!-- & "quoted" \\' \\\\ \\u0027 \\$ */ """,
)


@pytest.fixture(scope="module")
def marker(tmp_path_factory):
    return tmp_path_factory.mktemp("marker") / "out"


@pytest.fixture(scope="module")
def evil(marker):
    return [text.format(marker=marker) for text in EVIL]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, evil, new_world, base_settings, listed):
    """A controller whose every free text is hostile, and its world."""
    raw = base_settings()
    controller = raw["controller"]
    controller["admin_address"] = f"{evil[3]} <jenkins@example.com>"
    controller["accounts"] = [
        {"id": f"person{number}", "full_name": text, "email": f"{text}@example.com", "role": "reader"}
        for number, text in enumerate(evil)
    ]
    controller["sign_in"] = {"kind": "accounts", "groups": dict.fromkeys(evil, "reader")}
    raw["tags"] = {f"tag{number}": text for number, text in enumerate(evil)}
    agent = raw["agents"][0]
    agent["remote_fs"] = "/home/'$(id)`id`${1+1}\"<&>"
    raw["jobs"] = {"folder": "github", "script_path": evil[0]}
    repositories = [one | {"description": evil[number % len(evil)]} for number, one in enumerate(listed()[:8])]
    controller["credentials"] = [
        {"id": f"evil{number}", "secret": f"evil{number}", "kind": "text", "description": text, "folder": "github"}
        for number, text in enumerate(evil)
    ]
    world = new_world(tmp_path_factory.mktemp("hostile"), raw, repositories)
    try:
        world.create_secrets(**{f"evil{number}": text for number, text in enumerate(evil)})
        values = {f"password_person{number}": f"not-a-real-{text}"[:72] for number, text in enumerate(evil)}
        world.canaries = world.put_secrets(
            admin_password=f"not-a-real-{evil[1]}"[:72], github_webhook_secret=evil[2], **values
        )
        jenkins = world.controller()
        jenkins.start()
        jenkins.wait()
        yield world, jenkins
    finally:
        world.close()


@pytest.fixture(scope="module")
def admin(hostile, client):
    world, jenkins = hostile
    return client(jenkins, "admin", world.canaries["admin_password"])


def test_nothing_was_run(hostile, marker, admin):
    assert admin.get("api/json").status_code == 200
    assert not marker.exists()


def test_accounts_and_groups_arrive_as_they_are(hostile, admin, evil, client):
    people = admin.script("""
        return hudson.model.User.all.findAll { it.id.startsWith('person') }.sort { it.id }.collect {
            [it.fullName, it.getProperty(hudson.tasks.Mailer.UserProperty)?.address] }
    """)
    assert people == [[text, f"{text}@example.com"] for text in evil]
    groups = admin.script("""
        def entries = jenkins.model.Jenkins.get().authorizationStrategy.allPermissionEntries
        return entries.findAll { it.type.name() == 'GROUP' }*.sid.unique()
    """)
    assert set(groups) == set(evil)
    jenkins = hostile[1]
    for number, text in enumerate(evil):
        person = client(jenkins, f"person{number}", f"not-a-real-{text}"[:72])
        assert person.get("api/json").status_code == 200


def test_clouds_carry_tags_and_paths_as_they_are(admin, evil):
    (said,) = admin.script("""
        return jenkins.model.Jenkins.get().clouds.findAll { it.name == 'ec2-demo-linux' }.collect {
            [tags: it.templates[0].tags.collectEntries { t -> [(t.name): t.value] }, fs: it.templates[0].remoteFS] }
    """)
    assert [said["tags"][f"tag{number}"] for number in range(len(evil))] == evil
    assert said["fs"] == "/home/'$(id)`id`${1+1}\"<&>"


def test_jobs_carry_descriptions_as_they_are_and_show_them_safely(admin, evil):
    jobs = admin.json("job/github/job/acme-demo", "jobs[name,description]")["jobs"]
    assert len(jobs) == 8
    for number, job in enumerate(sorted(jobs, key=lambda one: one["name"])):
        assert " ".join(evil[number % len(evil)].split()) in " ".join(job["description"].split())
    page = admin.get("job/github/job/acme-demo/job/repository-003/").text
    assert "<script>alert(1)" not in page


def test_secrets_arrive_as_they_are(hostile, admin, evil):
    world, _jenkins = hostile
    same = admin.script(
        """
        def all = com.cloudbees.plugins.credentials.SystemCredentialsProvider.instance.credentials
        return all.find { it.id == 'github-webhook-secret' }.secret.plainText == wanted
        """,
        wanted=world.canaries["github_webhook_secret"],
    )
    assert same is True
    further = admin.script(
        """
        def type = com.cloudbees.hudson.plugins.folder.properties.FolderCredentialsProvider.FolderCredentialsProperty
        def all = jenkins.model.Jenkins.get().getItemByFullName('github').properties.get(type).credentials
        return all.collectEntries { [(it.id): [it.secret.plainText, it.description]] }
        """
    )
    assert {name: value for name, (value, _) in further.items()} == {f"evil{n}": text for n, text in enumerate(evil)}
    assert all(further[f"evil{n}"][1].startswith(text.strip()) for n, text in enumerate(evil))
