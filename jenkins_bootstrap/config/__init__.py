"""The settings: one YAML file, checked whole, its errors with file, line, column and path. Touches nothing else."""

from jenkins_bootstrap.config.load import load
from jenkins_bootstrap.config.models import Settings

__all__ = ["Settings", "load"]
