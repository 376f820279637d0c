"""A file of the plugin configuration-as-code: applied after the four stages, before those of the user."""

from dataclasses import replace

from jenkins_bootstrap.stages.render import CASC, CASC_PLUGIN, STAGE_FILES
from jenkins_bootstrap.stages.values import SERVICE_ACCOUNT

FILE = """
jenkins:
  quietPeriod: 7
  systemMessage: "set by a file of configuration-as-code"
unclassified:
  location:
    adminAddress: "casc@example.com"
"""
"""Something that no stage touches, something that a stage of the user sets after it, and something that ours set."""


def applied(service):
    return service.script(
        """
        def jenkins = jenkins.model.Jenkins.get()
        def location = jenkins.getExtensionList('jenkins.model.JenkinsLocationConfiguration')[0]
        return [jenkins.quietPeriod, jenkins.systemMessage, location.adminAddress]
        """
    )


def test_it_is_applied_after_the_four_and_jenkins_stays_closed(world, spoiled, client, tmp_path):
    trial = world.with_plugins(CASC_PLUGIN)
    file = tmp_path / "jenkins.yaml"
    file.write_text(FILE)
    controller = trial.settings.controller.model_copy(update={"casc": file})
    settings = trial.settings.model_copy(update={"controller": controller})
    jenkins = spoiled(made=replace(trial, settings=settings))
    for _ in range(2):  # a second start ends in the same
        jenkins.start()
        ready = jenkins.wait()
        assert ready.restarts == 0
        assert list(ready.stages) == [*STAGE_FILES, CASC, "user_mine.txt"]
        service = client(jenkins, SERVICE_ACCOUNT, jenkins.layout.service_token.read_text())
        assert applied(service) == [7, "set by a stage of my own", "casc@example.com"]
        assert client(jenkins).get("api/json").status_code == 403
        jenkins.stop()
