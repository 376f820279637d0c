"""jenkins-bootstrap: from one YAML file to a Jenkins controller image that configures itself."""

__version__ = "0.1.0"
