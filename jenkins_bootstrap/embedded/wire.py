"""One control call to a daemon. HTTP by hand, as importing an HTTP library takes longer than the call."""

from __future__ import annotations

import json
import socket
from typing import Any

from jenkins_bootstrap.embedded.layout import Record
from jenkins_bootstrap.errors import BootstrapError, ToolError


def call(record: Record, what: str, body: Any, seconds: float = 60.0) -> Any:
    """One control call. HTTP by hand, as importing an HTTP library takes longer than the call.

    Raises BootstrapError with what the daemon says, ConnectionError when it is not there.
    """
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"POST /_embedded/{what} HTTP/1.0\r\nHost: 127.0.0.1\r\nX-Embedded-Token: {record.token}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    try:
        with socket.create_connection(("127.0.0.1", record.aws_port), timeout=seconds) as connection:
            connection.sendall(head.encode() + data)
            with connection.makefile("rb") as stream:
                answer = stream.read()
    except TimeoutError:
        raise ToolError(
            f"does not answer within {seconds:g} s",
            where=f"embedded daemon, process {record.pid}",
            hint="jenkins-bootstrap embedded down, then try again",
        ) from None
    head_bytes, _, content = answer.partition(b"\r\n\r\n")
    parts = head_bytes.split(None, 2)
    if len(parts) < 2 or parts[1] == b"403":
        raise ConnectionError("no answer of this daemon")
    value = json.loads(content)
    if parts[1] != b"200":
        raise BootstrapError(value["what"], where=value.get("where", ""), hint=value.get("hint", ""))
    return value
