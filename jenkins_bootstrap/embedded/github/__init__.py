"""The embedded GitHub: repositories from a file, answered as an Enterprise server would, by a WSGI application.

Simulated: repositories, owners, tokens and one App exist only as data; there is no git behind them, scopes are those
given to the store, and a query's points are counted by GitHub's published formula. Real: the GraphQL language and its
validation, HTTP, JWT and their signatures when the App's public key is given.
"""

from jenkins_bootstrap.embedded.github.app import create_app
from jenkins_bootstrap.embedded.github.store import App, Fault, Store, Token

__all__ = ["App", "Fault", "Store", "Token", "create_app"]
