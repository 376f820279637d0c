"""The archive of the stages' classes: good for the texts that it was made of alone, and closed when it fails."""

import contextlib
import io
import json
import zipfile

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.stages.classes import LIST, class_name, classes_of, pack
from jenkins_bootstrap.stages.compile import compile_stages
from jenkins_bootstrap.stages.render import class_runners, guards, render, write

STAGES = {"init.groovy": "first", "init.groovy.d/aws.txt": "second", "init.groovy.d/mine.txt": "a user's"}
CLASSES = {"jenkins_bootstrap_init.class": b"1" * 90, "jenkins_bootstrap_aws.class": b"2" * 90}
WANTED = {"init.groovy": "jenkins_bootstrap_init", "init.groovy.d/aws.txt": "jenkins_bootstrap_aws"}
LATER = [f"init.groovy.d/{name}.txt" for name in ("aws", "github", "githubrepos")]


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "stages.jar"
    path.write_bytes(pack(STAGES, CLASSES))
    return path


def test_each_stage_of_ours_has_a_class_of_its_own_and_a_user_s_has_none(archive):
    assert classes_of(archive, STAGES) == WANTED
    assert class_name("init.groovy.d/mine.txt") is None
    assert class_name("init.groovy.d/init.txt") is None


def test_the_archive_is_the_same_bytes_whatever_the_order(archive):
    assert pack(dict(reversed(STAGES.items())), dict(reversed(CLASSES.items()))) == archive.read_bytes()
    assert {entry.date_time for entry in zipfile.ZipFile(archive).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def remade(whole, change):
    """The archive's bytes with its files, by name, as `change` returns them."""
    with zipfile.ZipFile(io.BytesIO(whole)) as read:
        files = {name: read.read(name) for name in read.namelist()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in change(files).items():
            archive.writestr(name, content)
    return made.getvalue()


BAD = {
    "cut off": (lambda whole: whole[:-30], "damaged"),
    "empty": (lambda whole: b"", "damaged"),
    "a changed class": (lambda whole: whole.replace(b"1" * 90, b"1" * 89 + b"0"), "damaged"),
    "no list": (
        lambda whole: remade(whole, lambda files: {n: c for n, c in files.items() if n != LIST}),
        "does not say",
    ),
    "a list of another kind": (lambda whole: remade(whole, lambda files: files | {LIST: b"[]"}), "does not say"),
    "a class less": (
        lambda whole: remade(whole, lambda files: {n: c for n, c in files.items() if "aws" not in n}),
        "the class of init.groovy.d/aws.txt is not in",
    ),
    "a stage less": (lambda whole: pack({"init.groovy": "first"}, CLASSES), "aws.txt was made of another text"),
    "of other texts": (
        lambda whole: pack(STAGES | {"init.groovy": "other"}, CLASSES),
        "init.groovy was made of another",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_an_archive_that_is_not_whole_or_not_of_these_stages_is_refused_with_why(archive, case):
    make, words = BAD[case]
    archive.write_bytes(make(archive.read_bytes()))
    with pytest.raises(BootstrapError, match=words) as caught:
        classes_of(archive, STAGES)
    assert caught.value.where == str(archive)


def test_no_archive_is_told_apart(archive):
    archive.unlink()
    with pytest.raises(BootstrapError, match="there are no classes"):
        classes_of(archive, STAGES)


@limits(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_byte_is_damaged_it_is_refused_or_gives_the_same_classes(archive, data):
    whole = pack(STAGES, CLASSES)
    at = data.draw(st.integers(0, len(whole) - 1))
    archive.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    with contextlib.suppress(BootstrapError):
        assert classes_of(archive, STAGES) == WANTED


@pytest.mark.groovy
def test_the_classes_are_the_same_bytes_each_time(groovy_program, settings):
    files = render(settings, {"ec2": "1"})
    one, two = (compile_stages(files, groovy=groovy_program).classes for _ in range(2))
    assert one == two


@pytest.fixture
def hooks(tmp_path, groovy_program, settings):
    """A folder of hooks whose stages run as classes; `change` is given the classes by their path in the archive."""

    def make(change):
        paths = {f"{kind}_path": str(tmp_path / f"{kind}.json") for kind in ("facts", "secrets", "seed")}
        files = render(settings, None, **paths) | dict.fromkeys(LATER, "1\n")
        archive = tmp_path / "stages.jar"
        archive.write_bytes(remade(compile_stages(files, groovy=groovy_program).classes, change))
        classes = classes_of(archive, files)
        (tmp_path / "stages").mkdir()
        write(tmp_path, files | class_runners(classes, classes_path=str(archive)))
        places = {"results_path": str(tmp_path / "stages"), "secrets_path": paths["secrets_path"]}
        write(tmp_path, guards(**places, classes_path=str(archive), first_class=classes["init.groovy"]))
        values = {"admin_username": "admin", "admin_password": "not-a-real-password"}
        (tmp_path / "secrets.json").write_text(json.dumps({"schema": 1, "values": values}))
        return tmp_path

    return make


@pytest.mark.groovy
@pytest.mark.parametrize("stage", ["init.groovy", "aws.txt"])
@pytest.mark.parametrize("content", [b"no class", b"\xca\xfe\xba\xbe\0\0\0\x31"], ids=["not one", "cut off"])
def test_a_class_that_jenkins_cannot_load_ends_the_boot(boots, hooks, stage, content):
    # Its checksum is right, so that `boot` does not see it.
    name = f"jenkins_bootstrap_{stage.partition('.')[0]}.class"
    (came,) = boots(hooks(lambda files: files | {name: content}))
    assert came["outcome"] == "closed"
    assert f"the stage {stage} failed" in came["message"]
    assert "ClassFormatError" in came["message"]
    assert "init.groovy" in came["ran"]
