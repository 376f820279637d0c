"""Who a request comes from: the credential in its header, and whether an App's JWT is good."""

from __future__ import annotations

import base64

from jenkins_bootstrap.embedded.github.store import Store


def credential(header: str) -> str | None:
    """The token or JWT of an Authorization header; None without one."""
    kind, _, value = header.strip().partition(" ")
    if kind.lower() == "basic":  # a token in place of the password, as GitHub takes it
        try:
            value = base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except ValueError:
            return None
        return value or None
    return value.strip() if kind.lower() in ("bearer", "token") and value.strip() else None


def refused_jwt(store: Store, secret: str | None) -> str | None:
    """Why GitHub would refuse this JWT, in its words; None when it is good."""
    import jwt

    if secret is None:
        return "A JSON web token could not be decoded"
    key = store.app.public_key
    try:
        claims = jwt.decode(
            secret,
            key or "",
            algorithms=["RS256"],
            # Times are judged below, by the store's clock.
            options={
                "verify_signature": key is not None,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError:
        return "A JSON web token could not be decoded"
    issued, ends, now = claims.get("iat"), claims.get("exp"), store.clock()
    if not isinstance(issued, int) or issued > now:
        return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
    if not isinstance(ends, int) or ends <= now:
        return "'Expiration time' claim ('exp') must be a numeric value representing the future time"
    if ends > now + 600:
        return "'Expiration time' claim ('exp') is too far in the future"
    if store.app.id and str(claims.get("iss")) != store.app.id:
        return "Integration not found"
    return None
