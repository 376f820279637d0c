"""Reconciliation: GitHub is listed, Jenkins is asked once, what differs is put right. Commands and `serve` call it."""

from jenkins_bootstrap.reconcile.look import Deep
from jenkins_bootstrap.reconcile.measure import Calls
from jenkins_bootstrap.reconcile.outcome import Outcome
from jenkins_bootstrap.reconcile.ports import Jobs, Only, Source
from jenkins_bootstrap.reconcile.run import Reconciler, reconcile
from jenkins_bootstrap.reconcile.source import GitHubSource
from jenkins_bootstrap.reconcile.state import Busy, Last, State

__all__ = [
    "Busy",
    "Calls",
    "Deep",
    "GitHubSource",
    "Jobs",
    "Last",
    "Only",
    "Outcome",
    "Reconciler",
    "Source",
    "State",
    "reconcile",
]
