"""A look at a real Jenkins while a secret is malformed: the stages that do not read it run, with what there is."""

import json

from jenkins_bootstrap.boot.documents import ENDPOINTS
from jenkins_bootstrap.boot.watch import Look


def test_with_the_key_value_secret_malformed_a_credential_is_rotated(world, controller):
    aws, settings = world.ctx.aws, world.ctx.settings
    told = {"aws_endpoint": world.ctx.endpoints.aws_url, "github_url": world.ctx.endpoints.github_url}
    environ = {variable: told[key] for key, variable in ENDPOINTS.items()}

    def look():
        return Look(controller.layout, environ=environ, url=controller.url).run()

    def store(name, text):
        aws.call("secretsmanager", "put_secret_value", SecretId=name, SecretString=text)

    def read(name):
        return aws.call("secretsmanager", "get_secret_value", SecretId=name)["SecretString"]

    assert look().pending == ()
    values, registry = read(settings.secrets.settings), read("registry")
    try:
        store(settings.secrets.settings, "not JSON")
        store("registry", "not-a-real-registry-password-Xq92")
        looked = look()
        assert [result.stage for result in looked.applied] == ["githubrepos.txt"]
        assert set(looked.held_up) == {"init.groovy", "aws.txt", "github.txt", "user_mine.txt"}
        assert ["held up by it: init.groovy" in error.what for error in looked.failed] == [True]
        assert json.loads((controller.layout.results / "githubrepos.txt.json").read_text())["changed"]
        assert not controller.layout.secrets.exists()
    finally:
        store(settings.secrets.settings, values)
        store("registry", registry)
    whole = look()
    assert [result.stage for result in whole.applied] == ["githubrepos.txt", "user_mine.txt"]
    assert (whole.failed, whole.held_up) == ((), {})
