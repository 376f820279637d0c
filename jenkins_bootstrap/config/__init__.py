"""The settings: one YAML file, checked whole, with errors that name file, line, column and path."""

from jenkins_bootstrap.config.load import load
from jenkins_bootstrap.config.models import Settings

__all__ = ["Settings", "load"]
