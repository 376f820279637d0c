"""Where everything lies on a controller, below a root that is `/` there and a folder in tests and in `try`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

USER = "jenkins"
PORT = 8080
RESTART_STATUS = 5
"""Exit status by which Jenkins asks to be started again (hudson.lifecycle.ExitLifecycle, as systemd's): no failure."""
BAKE_ANEW = "bake the controller anew: jenkins-bootstrap bake controller"
"""What to try when the image itself is not as it must be."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one controller. `share` comes with the image, `run` is a tmpfs, `home` is the data volume's."""

    root: Path = Path("/")

    @property
    def share(self) -> Path:
        return self.root / "usr/share/jenkins-bootstrap"

    @property
    def run(self) -> Path:
        return self.root / "run/jenkins-bootstrap"

    @property
    def home(self) -> Path:
        """JENKINS_HOME."""
        return self.root / "var/lib/jenkins"

    @property
    def war(self) -> Path:
        return self.root / "usr/share/java/jenkins.war"

    @property
    def stages(self) -> Path:
        return self.share / "stages"

    @property
    def classes(self) -> Path:
        """What the stages were compiled to when the image was baked."""
        return self.share / "stages.jar"

    @property
    def plugins(self) -> Path:
        return self.share / "plugins"

    @property
    def plugin_lock(self) -> Path:
        return self.share / "plugins.lock.json"

    @property
    def seed(self) -> Path:
        return self.share / "jobs/seed.json"

    @property
    def image(self) -> Path:
        return self.share / "image.json"

    @property
    def settings(self) -> Path:
        return self.share / "settings.json"

    @property
    def hooks(self) -> Path:
        """The hook root: Jenkins' GroovyHookScript.ROOT_PATH."""
        return self.run / "hooks"

    @property
    def facts(self) -> Path:
        return self.run / "facts.json"

    @property
    def secrets(self) -> Path:
        return self.run / "secrets.json"

    @property
    def service_token(self) -> Path:
        return self.run / "service-token"

    @property
    def reconcile_token(self) -> Path:
        """The word with which the receiver can be asked for a reconciliation, and for nothing else."""
        return self.run / "reconcile-token"

    @property
    def results(self) -> Path:
        """One JSON file a stage: what came of it."""
        return self.run / "stages"

    @property
    def applied(self) -> Path:
        return self.run / "applied.json"

    @property
    def failed(self) -> Path:
        return self.run / "failed.json"

    @property
    def restarts(self) -> Path:
        return self.run / "restarts"

    @property
    def embedded(self) -> Path:
        """Where an instance of the embedded target is told the addresses of the emulated AWS and GitHub."""
        return self.run / "embedded.json"

    @property
    def state(self) -> Path:
        """Root's memory of this instance; outlives a reboot."""
        return self.root / "var/lib/jenkins-bootstrap"

    @property
    def boots(self) -> Path:
        """Count of failed boots on this instance."""
        return self.state / "boots.json"

    @property
    def deliveries(self) -> Path:
        """The receiver's queue."""
        return self.state / "deliveries.db"
