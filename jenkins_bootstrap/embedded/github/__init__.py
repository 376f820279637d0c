"""The embedded GitHub: repositories from a file, answered as an Enterprise server would, by a WSGI application.

Simulated: repositories, owners, tokens and one App exist only as data; there is no git behind them, scopes are those
given to the store, and a query's points are counted by GitHub's published formula. Real: the GraphQL language and its
validation, HTTP, JWT and their signatures when the App's public key is given.
"""

from jenkins_bootstrap.embedded.github.app import create_app
from jenkins_bootstrap.embedded.github.limits import Secondary
from jenkins_bootstrap.embedded.github.model import App, Delay, Fault, Token
from jenkins_bootstrap.embedded.github.store import Store

__all__ = ["App", "Delay", "Fault", "Secondary", "Store", "Token", "create_app"]
