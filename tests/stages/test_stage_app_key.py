"""The key of a GitHub App as GitHub hands it out becomes the form that the plugin reads: run by the real Groovy."""

import json
import re
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jenkins_bootstrap.resources import share

SIZES = (1024, 2048, 3072)


def pem(key, kind):
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


@pytest.mark.groovy
def test_a_key_in_pkcs1_is_wrapped_and_another_stays_as_it_is(groovy_program, tmp_path):
    source = (share("groovy") / "github.txt.j2").read_text()
    function = re.search(r"^String pkcs8\(.*?^}\n", source, re.MULTILINE | re.DOTALL)[0]
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=size) for size in SIZES]
    given = [pem(key, serialization.PrivateFormat.TraditionalOpenSSL) for key in keys]
    wanted = [pem(key, serialization.PrivateFormat.PKCS8) for key in keys]
    (tmp_path / "keys.json").write_text(json.dumps([*given, *wanted, "not-a-real-key"]))
    script = (
        f"{function}\nprintln groovy.json.JsonOutput.toJson("
        "new groovy.json.JsonSlurper().parse(new File(args[0])).collect { pkcs8(it) })\n"
    )
    (tmp_path / "run.groovy").write_text(script)
    done = subprocess.run(
        [groovy_program, str(tmp_path / "run.groovy"), str(tmp_path / "keys.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [*wanted, *wanted, "not-a-real-key"]
