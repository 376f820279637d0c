"""The AWS gateway: one session, one client a service, errors in words, all pages, each call shown with -v.

Nothing else in the project talks to AWS, but Packer, Jenkins and Terraform themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from jenkins_bootstrap.errors import BootstrapError

EMBEDDED_ACCESS_KEY = "embedded-no-account"
"""What the embedded AWS is given as credentials: it checks none."""

REMEDIES = {
    "AuthFailure": "check the credentials and the clock of this machine",
    "ExpiredToken": "sign in again: the session's credentials have ended",
    "ExpiredTokenException": "sign in again: the session's credentials have ended",
    "InvalidClientTokenId": "the access key is unknown to AWS: check AWS_PROFILE and AWS_ACCESS_KEY_ID",
    "UnrecognizedClientException": "the access key is unknown to AWS: check AWS_PROFILE and AWS_ACCESS_KEY_ID",
    "UnauthorizedOperation": "give the role this permission",
    "AccessDenied": "give the role this permission",
    "AccessDeniedException": "give the role this permission",
    "RequestLimitExceeded": "AWS throttles: wait a minute and try again",
    "ThrottlingException": "AWS throttles: wait a minute and try again",
}


class AwsError(BootstrapError):
    """A call to AWS failed; `code` is AWS' own error code, `status` that of HTTP: "" and 0 when there was no answer."""

    def __init__(self, what: str, *, where: str = "", hint: str = "", code: str = "", status: int = 0) -> None:
        super().__init__(what, where=where, hint=hint)
        self.code = code
        self.status = status


class Aws:
    """Clients of one region. Make one with `embedded` or `real`."""

    def __init__(self, session: Any, region: str, endpoint: str | None, log: Callable[[str], None] | None) -> None:
        self._session = session
        self._log = log
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.region = region
        self.endpoint = endpoint
        self.attempts = 6
        """Most attempts of one call, the first included; whoever asks again by itself sets a lower one at first."""
        self.read_seconds = 60

    @classmethod
    def embedded(cls, region: str, endpoint: str, *, log: Callable[[str], None] | None = None) -> Aws:
        """The embedded AWS at `endpoint` (an http URL on loopback)."""
        from boto3.session import Session

        session = Session(
            aws_access_key_id=EMBEDDED_ACCESS_KEY, aws_secret_access_key=EMBEDDED_ACCESS_KEY, region_name=region
        )
        return cls(session, region, endpoint, log)

    @classmethod
    def real(cls, region: str, *, log: Callable[[str], None] | None = None) -> Aws:
        """The account of the usual credential chain. Raises AwsError when the chain ends without credentials."""
        from boto3.session import Session
        from botocore.exceptions import BotoCoreError

        where = "AWS credentials"
        try:
            session = Session(region_name=region)
            found = session.get_credentials()
        except BotoCoreError as error:
            raise AwsError(str(error), where=where, hint="check AWS_PROFILE and ~/.aws/config") from error
        if found is None:
            raise AwsError(
                "none found: looked at the environment, the shared files, SSO, and the instance's or container's role",
                where=where,
                hint="set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on the embedded target "
                "(--target embedded), which needs no account",
            )
        return cls(session, region, None, log)

    @cached_property
    def account(self) -> str:
        """The account id. One call to STS."""
        return str(self.call("sts", "get_caller_identity")["Account"])

    def environment(self) -> dict[str, str]:
        """The credentials of the chain as the environment of another program (Packer): never as its arguments."""
        keys = self._session.get_credentials().get_frozen_credentials()
        values = {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
        if keys.token:
            values["AWS_SESSION_TOKEN"] = keys.token
        return values | {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}

    def client(self, service: str) -> Any:
        """The boto3 client of a service, made once."""
        with self._lock:
            if service not in self._clients:
                from botocore.config import Config

                config = Config(
                    retries={"mode": "standard", "total_max_attempts": self.attempts},
                    connect_timeout=5,
                    read_timeout=self.read_seconds,
                )
                self._clients[service] = self._session.client(service, endpoint_url=self.endpoint, config=config)
            return self._clients[service]

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        """One call; its answer as boto3 gives it. Raises AwsError with where, what and what to try."""
        with self._explained(service, operation):
            self._trace(service, operation, parameters)
            return getattr(self.client(service), operation)(**parameters)

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """The items under `key` of every page of a listing."""
        with self._explained(service, operation):
            self._trace(service, operation, parameters)
            for page in self.client(service).get_paginator(operation).paginate(**parameters):
                yield from page[key]

    def _trace(self, service: str, operation: str, parameters: dict[str, Any]) -> None:
        if self._log is not None:
            shown = {k: "..." if k in {"SecretString", "SecretBinary"} else v for k, v in parameters.items()}
            self._log(f"{service}.{operation} {shown}")

    @contextmanager
    def _explained(self, service: str, operation: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        where = f"AWS {service} {operation} in {self.region}"
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            message = error.response.get("Error", {}).get("Message", "")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            hint = REMEDIES.get(code, "")
            raise AwsError(f"{code}: {message}", where=where, hint=hint, code=code, status=status) from error
        except NoCredentialsError as error:
            raise AwsError("no credentials", where=where, hint="set AWS_PROFILE or AWS_ACCESS_KEY_ID") from error
        except BotoCoreError as error:
            raise AwsError(str(error), where=where, hint="check the network and the endpoint") from error
