"""The runner against programs named packer that behave badly, and against the real one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jenkins_bootstrap.errors import SettingsError, ToolError
from jenkins_bootstrap.images.packer import Limits, environment, run_packer, write_work
from jenkins_bootstrap.images.template import load_template, render_source
from jenkins_bootstrap.images.tool import PackerTool, find_packer

REAL = shutil.which("packer")
needs_packer = pytest.mark.skipif(REAL is None, reason="packer is not installed")
VALUES = {
    "endpoint": "http://127.0.0.1:1",
    "region": "eu-west-1",
    "source_ami": "ami-1",
    "instance_type": "t3.medium",
    "security_groups": ["sg-1"],
    "key_pair": "pair",
    "run_tags": {"Name": "bake"},
    "ami_name": "demo-base",
    "tags": {"Name": "base", "Note": "${not} %{a template} 'quoted' \"twice\" \\ é"},
    "upload": "/nowhere",
    "manifest": "manifest.json",
}


def fake(folder: Path, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "packer"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def find(*folders: Path) -> PackerTool:
    return find_packer({"PATH": os.pathsep.join(map(str, folders)) or "/nowhere"})


def test_no_packer_names_the_command_that_installs_it() -> None:
    with pytest.raises(ToolError, match=r"(?s)packer is not installed.*apt-get install packer"):
        find()


def test_another_program_of_that_name_is_told_apart(tmp_path: Path) -> None:
    fake(tmp_path / "cracklib", "read -r word; echo 'usage: packer dictionary'; exit 1")
    with pytest.raises(ToolError, match="is another program"):
        find(tmp_path / "cracklib")
    fake(tmp_path / "real", "echo 'Packer v1.6.6'")
    assert find(tmp_path / "cracklib", tmp_path / "real").path == tmp_path / "real" / "packer"


@pytest.mark.parametrize("version", ["1.6.5", "1.5.0", "0.12.3", "2.0.0"])
def test_a_version_that_is_not_supported_is_refused(tmp_path: Path, version: str) -> None:
    fake(tmp_path, f"echo 'Packer v{version}'")
    with pytest.raises(ToolError, match=f"Packer {version} is not supported"):
        find(tmp_path)


@pytest.mark.parametrize(
    ("version", "new"), [("1.6.6", False), ("1.6.7-dev", False), ("1.7.0", True), ("1.11.2", True)]
)
def test_what_a_version_knows(tmp_path: Path, version: str, new: bool) -> None:
    fake(tmp_path, f"printf 'Packer v{version}\\n\\nYour version of Packer is out of date!\\n'")
    tool = find(tmp_path)
    assert (tool.needs_plugins, tool.imds_v2) == (new, new)


def test_only_a_version_that_knows_them_is_given_plugins_and_imdsv2(tmp_path: Path) -> None:
    template = load_template("base", "images.base.template")
    old, new = (PackerTool(Path("packer"), version) for version in ((1, 6, 6), (1, 11, 0)))
    write_work(tmp_path / "old", template, VALUES, old)
    write_work(tmp_path / "new", template, VALUES, new)
    texts = {w: "".join(p.read_text() for p in sorted((tmp_path / w).glob("*.hcl"))) for w in ("old", "new")}
    for word in ("required_plugins", "metadata_options", 'imds_support                = "v2.0"', "http_tokens"):
        assert word in texts["new"]
        assert word.split()[0] not in texts["old"]


@needs_packer
@pytest.mark.parametrize("name", ["base", "controller", "agent"])
def test_the_real_packer_accepts_our_templates(tmp_path: Path, name: str) -> None:
    tool = find_packer()
    template = load_template(name, f"images.{name}.template")
    variables = write_work(tmp_path / "w", template, VALUES | {"upload": str(tmp_path)}, tool)
    env = environment({"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "not-a-real-key"}) | {"TMPDIR": "."}
    command = [str(tool.path), "validate", f"-var-file={variables.name}", "."]
    done = subprocess.run(command, cwd=tmp_path / "w", env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["base", "controller", "agent"])
def test_the_source_of_our_templates_is_named_after_their_folder(name: str) -> None:
    template = load_template(name, "")
    assert f'sources = ["source.amazon-ebs.{name}"]' in template.hcl[0].read_text()
    assert f'source "amazon-ebs" "{template.name}"' in render_source(template.name, imds_v2=False)


@pytest.mark.parametrize(
    ("asked", "words"),
    [("controler", "did you mean 'controller'"), ("/nowhere/x", "there is no folder"), ("empty", "holds no")],
)
def test_a_template_that_is_not_there_is_an_error(tmp_path: Path, asked: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=words):
        load_template(asked, "images.x.template", tmp_path)


def test_a_template_that_names_a_script_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.pkr.hcl").write_text('"sh scripts/nosuch.sh"')
    with pytest.raises(SettingsError, match=r"uses scripts/nosuch\.sh, which is in neither"):
        load_template("mine", "images.x.template", tmp_path)


def test_a_value_that_packer_would_expand_is_refused(tmp_path: Path) -> None:
    template = load_template("base", "")
    with pytest.raises(SettingsError, match=r"images\.tags\.Owner.*would expand"):
        write_work(tmp_path, template, {"tags": {"Owner": "{{env `HOME`}}"}}, PackerTool(Path("packer"), (1, 6, 6)))


@needs_packer
def test_the_real_packer_takes_every_value_as_it_is_in_a_folder_with_a_long_path(tmp_path: Path) -> None:
    work = tmp_path / ("long" * 40)
    work.mkdir()
    (work / "a.pkr.hcl").write_text(
        'variable "tags" { type = map(string) }\nsource "null" "n" { communicator = "none" }\n'
        'build {\n  sources = ["source.null.n"]\n'
        '  post-processor "manifest" {\n    output = "m.json"\n    custom_data = var.tags\n  }\n}\n'
    )
    (work / "values.json").write_text(json.dumps({"tags": VALUES["tags"]}))
    run_packer(find_packer(), work, env=environment({}), log=tmp_path / "log")
    assert json.loads((work / "m.json").read_text())["builds"][0]["custom_data"] == VALUES["tags"]


def test_the_environment_of_packer_is_what_is_given() -> None:
    mine = {"PATH": "/bin", "HOME": "/root", "AWS_PROFILE": "x", "GITHUB_TOKEN": "not-a-real-token", "PACKER_LOG": "1"}
    env = environment({"AWS_ACCESS_KEY_ID": "a", "GITHUB_API_URL": "b", "AWS_ENDPOINT": ""}, mine)
    assert {"AWS_PROFILE", "GITHUB_TOKEN", "PACKER_LOG", "GITHUB_API_URL"}.isdisjoint(env)
    assert env["AWS_ACCESS_KEY_ID"] == "a" and env["CHECKPOINT_DISABLE"] == "1"
    assert "AWS_POLL_DELAY_SECONDS" not in env


# --- a Packer that behaves badly ---


def run(tmp_path: Path, body: str, **limits: float) -> list[str]:
    (tmp_path / "w").mkdir(exist_ok=True)
    lines: list[str] = []
    run_packer(
        PackerTool(fake(tmp_path / "bin", body), (1, 6, 6)),
        tmp_path / "w",
        env={"PATH": "/bin:/usr/bin"},
        log=tmp_path / "logs" / "log",
        progress=lines.append,
        limits=Limits(**limits),
        origin=Path("/settings/mine"),
    )
    return lines


def alive(path: Path) -> bool:
    pid = int(path.read_text())
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_progress_is_each_line_without_its_prefix(tmp_path: Path) -> None:
    body = "echo '==> base.amazon-ebs.base: Launching'; echo '    base.amazon-ebs.base: ok     sshd'; echo; echo last"
    assert run(tmp_path, body) == ["Launching", "ok     sshd", "last"]
    assert "Launching" in (tmp_path / "logs" / "log").read_text()


def test_packers_own_error_is_kept_with_file_and_line(tmp_path: Path) -> None:
    body = 'printf "Error: Unsupported argument\\n\\n  on $PWD/mine.pkr.hcl line 7:\\n  (source)\\n"; exit 1'
    with pytest.raises(ToolError, match=r"(?s)Unsupported argument.*on /settings/mine/mine\.pkr\.hcl line 7") as caught:
        run(tmp_path, body)
    assert str(tmp_path / "logs" / "log") in caught.value.hint


def test_failed_checks_are_what_the_error_shows(tmp_path: Path) -> None:
    body = (
        "echo '    x.amazon-ebs.x: ok     git'; echo '    x.amazon-ebs.x: FAILED java 21: is 17'\n"
        "echo \"Build 'x.amazon-ebs.x' errored after 1 second: Script exited with non-zero exit status: 1\"; exit 1"
    )
    with pytest.raises(ToolError, match="checks inside the bake failed:\n  FAILED java 21: is 17"):
        run(tmp_path, body)


def test_a_failed_check_shows_the_last_lines_that_it_said_itself(tmp_path: Path) -> None:
    checks = (
        "running the check java.py",
        "ok     java",
        "running the check 0-disk.sh",
        *(f"line {n}" for n in range(7)),
        "ok then",
    )
    lines = (
        "provisioned",
        *checks,
        "FAILED 0-disk.sh: exit status 7",
        "running the check 1-x.sh",
        "FAILED 1-x.sh: exit status 1",
    )
    body = "".join(f"echo '    x.amazon-ebs.x: {line}'\n" for line in (*lines, "checks failed: 0-disk.sh, 1-x.sh"))
    with pytest.raises(ToolError) as caught:
        run(tmp_path, body + "exit 1")
    shown = "".join(f"    line {n}\n" for n in range(2, 7))
    failed = f"  FAILED 0-disk.sh: exit status 7\n{shown}  FAILED 1-x.sh: exit status 1"
    assert caught.value.what == f"checks inside the bake failed:\n{failed}"


def test_a_packer_that_fails_half_way_leaves_nothing_running(tmp_path: Path) -> None:
    child = tmp_path / "child"
    with pytest.raises(ToolError, match="no space"):
        run(tmp_path, f"sleep 600 & echo $! >{child}; echo 'no space'; exit 1")
    wait_for(lambda: not alive(child))


def test_a_packer_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    child = tmp_path / "child"
    with pytest.raises(ToolError, match="was ended by signal SIGKILL"):
        run(tmp_path, f"sleep 600 & echo $! >{child}; kill -9 $$")
    wait_for(lambda: not alive(child))


def test_a_packer_that_takes_too_long_is_asked_to_stop_then_killed(tmp_path: Path) -> None:
    child = tmp_path / "child"
    body = f"trap 'echo asked' TERM; sleep 600 & echo $! >{child}; while :; do wait; done"
    with pytest.raises(ToolError, match=r"did not end within \d+ seconds"):
        run(tmp_path, body, bake=2.0, clean_up=1.0)
    wait_for(lambda: not alive(child))
    assert (tmp_path / "logs" / "log").read_text() == "asked\n"


def start_ours(tmp_path: Path, body: str) -> tuple[subprocess.Popen[bytes], Path]:
    """A process of our own that runs a fake Packer; returns it once that Packer runs, with the file of its id."""
    packer, running = fake(tmp_path / "bin", body), tmp_path / "pid"
    code = (
        "import signal; from pathlib import Path\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's job in the background ignores it
        "from jenkins_bootstrap.images.packer import run_packer; from jenkins_bootstrap.images.tool import PackerTool\n"
        f"run_packer(PackerTool(Path({str(packer)!r}), (1, 6, 6)), Path({str(tmp_path)!r}),"
        f" env={{'PATH': '/bin:/usr/bin'}}, log=Path({str(tmp_path / 'log')!r}))\n"
    )
    ours = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    wait_for(lambda: running.exists() and running.read_text().strip() != "")
    return ours, running


def wait_for(condition: object, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.02)


def test_an_interrupt_lets_packer_clean_up_once(tmp_path: Path) -> None:
    body = (
        f"trap 'echo cleaned >>{tmp_path}/cleaned; exit 1' TERM; echo $$ >{tmp_path}/pid; while :; do sleep 0.05; done"
    )
    ours, pid = start_ours(tmp_path, body)
    ours.send_signal(signal.SIGINT)
    assert ours.wait(timeout=20) != 0
    assert (tmp_path / "cleaned").read_text() == "cleaned\n"
    assert not alive(pid)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_packer_cleans_up_when_we_are_killed(tmp_path: Path) -> None:
    body = f"trap 'sleep 0.1; echo said; touch {tmp_path}/cleaned; exit 1' TERM; echo $$ >{tmp_path}/pid"
    body += "; while :; do sleep 0.05; done"
    ours, pid = start_ours(tmp_path, body)
    ours.kill()
    ours.wait(timeout=20)
    wait_for(lambda: (tmp_path / "cleaned").exists() and not alive(pid))
