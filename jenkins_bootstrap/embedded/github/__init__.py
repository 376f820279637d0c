"""The embedded GitHub: repositories from a file, answered as an Enterprise server would, by a WSGI application.

Real: HTTP; GraphQL, executed by graphql-core against a part of GitHub's published schema; REST and payloads in the
shapes of GitHub's OpenAPI description, which the tests hold it to; webhooks, signed and delivered over HTTP, and their
deliveries; points and secondary limits by GitHub's published rules; an App's JWT when its public key is given.

Simulated: repositories, owners, tokens and one App exist only as data. There is no git behind them: a repository has
the files of its default branch and a made-up commit. Every sign-in with the scope may do everything; an App is
installed for all repositories of its owners. Changes are done when the answer comes, a transfer too. Not GitHub's own
words: the 422 of an unknown event or content type of a hook.
"""

from jenkins_bootstrap.embedded.github.app import create_app
from jenkins_bootstrap.embedded.github.limits import Secondary
from jenkins_bootstrap.embedded.github.model import App, Delay, Fault, Token
from jenkins_bootstrap.embedded.github.store import Store

__all__ = ["App", "Delay", "Fault", "Secondary", "Store", "Token", "create_app"]
