"""`python -m jenkins_bootstrap`."""

from jenkins_bootstrap.cli.main import entry

entry()
