"""The daemon's life: one a state folder, whoever is killed, and what it holds is there again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from jenkins_bootstrap.embedded import client
from jenkins_bootstrap.embedded.layout import Record, process_started
from jenkins_bootstrap.errors import BootstrapError, ToolError

START = """
import sys
from pathlib import Path
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.embedded import client
settings = Settings.model_validate_json(Path(sys.argv[2]).read_text())
print(client.up(settings.embedded, Path(sys.argv[1]), settings=settings).pid, flush=True)
"""


def starter(place, script=START):
    """A command of its own that starts (or finds) the daemon."""
    file = place.folder / "settings.json"
    file.write_text(place.settings.model_dump_json())
    return subprocess.Popen(
        [sys.executable, "-c", script, str(place.folder), str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def daemons_of(place):
    """Every process that serves this folder, by the kernel's own list."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"jenkins_bootstrap.embedded.daemon" in words and str(place.state.root).encode() in words:
                found.append(int(entry.name))
    return [pid for pid in found if process_started(pid) is not None]


def vpcs(place, endpoints):
    return sorted(v["VpcId"] for v in place.aws(endpoints, "ec2").describe_vpcs()["Vpcs"])


def test_two_commands_at_once_start_one_daemon(place):
    commands = [starter(place) for _ in range(3)]
    answers = [command.communicate(timeout=60) for command in commands]
    assert all(command.returncode == 0 for command in commands), answers
    assert len({out for out, _err in answers}) == 1
    assert len(daemons_of(place)) == 1
    assert len(place.aws(place.up(), "secretsmanager").list_secrets()["SecretList"]) == 2, "the surroundings once"


def test_a_second_command_finds_the_daemon_of_the_first(place):
    first = place.up(settings=None)
    second = place.up(settings=None)
    assert (first.started_now, second.started_now) == (True, False)
    assert (first.pid, first.aws_url) == (second.pid, second.aws_url)
    assert first.aws_url.startswith("http://127.0.0.1:")
    assert place.state.record.stat().st_mode & 0o777 == 0o600
    assert place.state.root.stat().st_mode & 0o777 == 0o700


def test_down_ends_it_and_everything_is_there_after_the_next_start(place):
    before = vpcs(place, place.up())
    assert place.down() == client.Ended(was_running=True, wiped=False)
    assert daemons_of(place) == []
    assert not place.state.record.exists()
    again = place.up()
    assert again.started_now
    assert vpcs(place, again) == before
    assert "make the surroundings of the embedded AWS" not in place.said[-1:], "made at the first start only"


def test_killed_with_kill_9_it_comes_back_with_what_was_answered(place):
    endpoints = place.up(settings=None)
    place.aws(endpoints, "ec2").create_vpc(CidrBlock="10.99.0.0/16")
    before = vpcs(place, endpoints)
    killed = place.kill()
    again = place.up(settings=None)
    assert again.pid != killed
    assert vpcs(place, again) == before
    assert len(daemons_of(place)) == 1


def test_what_a_first_read_makes_is_kept_too(place):
    seen = vpcs(place, place.up(settings=None))
    assert len(seen) == 1, "a region's default VPC"
    place.kill()
    assert vpcs(place, place.up(settings=None)) == seen


def test_a_command_killed_in_a_call_leaves_the_daemon_whole(place, wait_for):
    endpoints = place.up(settings=None)
    body = b"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.98.0.0%2F16"
    head = (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Authorization: AWS4-HMAC-SHA256 Credential=x/20250101/eu-west-1/ec2/aws4_request, "
        b"SignedHeaders=a, Signature=b\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n"
    )
    port = int(endpoints.aws_url.rsplit(":", 1)[1])
    script = "import os,socket,sys; s=socket.create_connection(('127.0.0.1',int(sys.argv[1]))); "
    script += "s.sendall(bytes.fromhex(sys.argv[2])); os.kill(os.getpid(), 9)"
    caller = subprocess.run([sys.executable, "-c", script, str(port), (head + body).hex()], check=False)
    assert caller.returncode == -signal.SIGKILL
    ec2 = place.aws(endpoints, "ec2")
    wait_for(lambda: any(v["CidrBlock"] == "10.98.0.0/16" for v in ec2.describe_vpcs()["Vpcs"]))
    place.kill()
    assert len(vpcs(place, place.up(settings=None))) == 2


def test_a_command_that_is_killed_while_it_starts_the_daemon_harms_nobody(place, wait_for):
    command = starter(place)
    wait_for(lambda: place.state.start_lock.exists())
    command.kill()
    command.communicate()
    endpoints = place.up()
    assert len(vpcs(place, endpoints)) == 2, "the surroundings are there, once"
    assert len(daemons_of(place)) == 1


def test_interrupting_a_command_does_not_reach_the_daemon(place):
    script = START + "\nimport time; time.sleep(60)"
    command = starter(place, script)
    pid = int(command.stdout.readline())
    os.killpg(command.pid, signal.SIGINT)
    command.communicate(timeout=20)
    assert command.returncode != 0
    assert process_started(pid) is not None
    assert place.up().pid == pid


def test_unused_for_long_enough_it_ends_by_itself_and_keeps_all(place, wait_for):
    first = place.up(settings=None, idle_seconds=2.0)
    place.aws(first, "ec2").create_vpc(CidrBlock="10.99.0.0/16")
    before = vpcs(place, first)
    wait_for(lambda: not daemons_of(place))
    assert not place.state.record.exists()
    assert vpcs(place, place.up(settings=None)) == before


def test_use_keeps_it_alive(place):
    endpoints = place.up(settings=None, idle_seconds=2.0)
    ec2 = place.aws(endpoints, "ec2")
    for _ in range(40):
        ec2.describe_vpcs()
        subprocess.run(["sleep", "0.1"], check=True)
    assert process_started(endpoints.pid) is not None


def test_it_ends_when_its_folder_is_removed(place, wait_for):
    place.up(settings=None, idle_seconds=2.0)
    place.state.record.unlink()
    wait_for(lambda: not daemons_of(place))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        json.dumps({"pid": 1}),
        json.dumps({"pid": os.getpid(), "started": 1, "token": "t", "aws_port": 1, "github_port": 1, "ssh_port": 22}),
    ],
    ids=["empty", "cut off", "a list", "incomplete", "another process"],
)
def test_a_stale_record_is_replaced(place, text):
    place.state.root.mkdir()
    place.state.record.write_text(text)
    assert place.up(settings=None).started_now


def test_a_record_of_a_process_that_is_no_daemon_is_replaced_and_the_process_left_alone(place):
    place.state.root.mkdir()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        Record(stranger.pid, process_started(stranger.pid), "t", 1, 1, 22).write(place.state.record)
        assert place.up(settings=None).pid != stranger.pid
        Record(stranger.pid, process_started(stranger.pid), "t", 1, 1, 22).write(place.state.record)
        place.down()
        assert stranger.poll() is None
        stranger.kill()
    assert daemons_of(place) == []


def test_the_control_calls_need_the_token(place):
    endpoints = place.up(settings=None)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{endpoints.aws_url}/_embedded/shutdown", data=b"")
    assert error.value.code == 403
    assert place.up(settings=None).pid == endpoints.pid


def test_a_call_that_moto_lacks_is_answered_at_once_with_its_name(place):
    endpoints = place.up(settings=None)
    ec2 = place.aws(endpoints, "ec2")
    with pytest.raises(ClientError, match=r"UnsupportedOperation.*embedded AWS.*get_spot_placement_scores"):
        ec2.get_spot_placement_scores(InstanceTypes=["m7i.large"], TargetCapacity=1)
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        place.aws(endpoints, "pricing").describe_services()


def test_a_state_of_another_version_is_refused_and_left_as_it_is(place):
    vpcs(place, place.up(settings=None))
    place.down()
    head, _, body = place.state.aws.read_bytes().partition(b"\n")
    value = json.loads(head) | {"moto": "1.0"}
    changed = json.dumps(value).encode() + b"\n" + body
    place.state.aws.write_bytes(changed)
    with pytest.raises(ToolError, match=r"moto 1\.0") as error:
        place.up(settings=None)
    assert "embedded down --wipe" in error.value.hint
    assert place.state.aws.read_bytes() == changed
    place.down(wipe=True)
    assert place.up(settings=None).started_now


def test_a_state_file_that_is_cut_off_gives_way_to_the_one_before(place):
    endpoints = place.up(settings=None)
    before = vpcs(place, endpoints)
    place.aws(endpoints, "ec2").create_tags(Resources=before[:1], Tags=[{"Key": "last", "Value": "call"}])
    place.kill()
    whole = place.state.aws.read_bytes()
    place.state.aws.write_bytes(whole[: len(whole) // 2])
    assert vpcs(place, place.up(settings=None)) == before
    assert any("using aws.state.previous" in line for line in place.said)


def test_down_where_nothing_ever_ran_does_nothing(place):
    assert place.down() == client.Ended(was_running=False, wiped=False)
    assert not place.state.root.exists()


def test_wipe_removes_the_folder(place):
    place.up(settings=None)
    assert place.down(wipe=True).wiped
    assert not place.state.root.exists()


def test_a_folder_that_cannot_be_made_is_one_clear_error(place, settings):
    (place.folder / "file").write_text("")
    embedded = settings.embedded.model_copy(update={"state": place.folder / "file" / "state"})
    with pytest.raises(BootstrapError, match="cannot be made") as error:
        client.up(embedded, place.folder, settings=None)
    assert "embedded.state" in error.value.hint


def test_a_daemon_that_cannot_start_says_why(place):
    place.state.root.mkdir()
    (place.state.root / "metal").write_text("in the way")
    with pytest.raises(ToolError) as error:
        place.up(settings=None)
    assert "metal" in str(error.value)
    (place.state.root / "metal").unlink()


def test_the_environment_names_no_real_account(place):
    endpoints = place.up(settings=None)
    variables = endpoints.environment()
    assert variables["AWS_ENDPOINT_URL"] == variables["AWS_ENDPOINT"] == endpoints.aws_url
    assert variables["AWS_ACCESS_KEY_ID"] == "embedded-no-account"
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean | variables, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "123456789012"


def test_the_embedded_github_answers_on_the_second_port(place):
    endpoints = place.up(settings=None)
    request = urllib.request.Request(
        f"{endpoints.github_url}/user", headers={"Authorization": "Bearer not-a-real-token"}
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["login"]


def test_an_organisation_file_that_is_cut_off_is_told_and_a_whole_one_taken_without_a_restart(place, settings):
    organisation = place.folder / "organisation.json"
    organisation.write_text('[{"name": "acme/a"')
    embedded = settings.embedded.model_copy(update={"github": organisation})
    endpoints = client.up(embedded, place.folder, settings=None)
    request = urllib.request.Request(
        f"{endpoints.github_url}/user", headers={"Authorization": "Bearer not-a-real-token"}
    )
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 422  # 5xx would be asked again and again
    assert "organisation.json" in json.load(error.value)["message"]
    organisation.write_text("[]")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def test_importing_the_client_is_cheap():
    script = "import sys, jenkins_bootstrap.embedded.client; print(sorted(m.partition('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"moto", "boto3", "botocore", "pydantic", "werkzeug", "http", "cryptography"} & set(
        json.loads(done.stdout.replace("'", '"'))
    )
