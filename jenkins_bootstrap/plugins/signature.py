"""Whether an update-center document is signed by an authority that is trusted: Jenkins' own scheme.

The document holds a block `signature`: certificates (X.509 in base64, the signing one first), and the SHA-512 and the
signature (SHA512withRSA) of the canonical JSON of everything else. What `jenkins.util.JSONSignatureValidator` of core
2.516.2 does, but stricter: SHA-1 alone does not do, a key that stands twice is refused, and so is what Jenkins'
canonical form cannot tell apart (half a surrogate pair and a question mark). Reads no file and no clock.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.plugins.errors import SignatureError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

BLOCK = "signature"
_MOST_CERTIFICATES = 8
_LEAST_RSA_BITS = 2048
_NOT_CHECKED = "or set controller.update_center_check to none, if you trust where it is from"
_OTHER = f"take the document from https://updates.jenkins.io again, {_NOT_CHECKED}"
_ESCAPES = {r"\b": r"\u0008", r"\t": r"\u0009", r"\n": r"\u000a", r"\f": r"\u000c", r"\r": r"\u000d"}
_ESCAPED = re.compile(r"\\.")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class WrittenFloat(float):
    """A number with a point or an exponent, and how the document writes it: what is signed depends on that."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> WrittenFloat:
        number = super().__new__(cls, text)
        number.text = text
        return number


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to trust, at what time; `named` says in a few words whose certificates they are."""

    authorities: tuple[Certificate, ...]
    now: datetime
    named: str

    def check(self, document: Mapping[str, Any], source: str) -> str:
        """Who signed `document` (floats as WrittenFloat). Raises SignatureError when it is nobody who is trusted."""
        block = document.get(BLOCK)
        if block is None:
            raise SignatureError(
                "the update-center document is not signed",
                where=source,
                hint=f"name Jenkins' own, https://updates.jenkins.io/update-center.actual.json, {_NOT_CHECKED}",
            )
        if not isinstance(block, dict):
            raise _damaged(source, "it is no mapping")
        certificates = _certificates(block, source)
        self._path(certificates, source)
        signed = canonical({key: value for key, value in document.items() if key != BLOCK}, source)
        told = _bytes(block, "correct_digest512", source)
        if told != hashlib.sha512(signed).digest():
            raise SignatureError(
                "was changed after it was signed: its SHA-512 is another than its signature says",
                where=source,
                hint=_OTHER,
            )
        _signed_by(certificates[0], _bytes(block, "correct_signature512", source), signed, source)
        return _subject(certificates[0])

    def _path(self, certificates: Sequence[Certificate], source: str) -> None:
        """From the signing certificate up to an authority. As in RFC 5280, an authority's own dates do not count."""
        current, *above = certificates
        below = 0
        while True:
            self._valid(current, source)
            if any(_issued(current, authority) for authority in self.authorities):
                return
            if not above:
                break
            issuer = above.pop(0)
            if not _issued(current, issuer) or not _may_sign(issuer, below):
                break
            current, below = issuer, below + 1
        raise SignatureError(
            f"is signed by {_subject(current)!r}, whom {self.named} does not vouch for",
            where=source,
            hint=f"a mirror that signs itself: name its certificate with controller.update_center_authority; {_OTHER}",
        )

    def _valid(self, certificate: Certificate, source: str) -> None:
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if first <= self.now <= last:
            return
        when = f"has expired on {last:%Y-%m-%d}" if self.now > last else f"is not valid before {first:%Y-%m-%d}"
        raise SignatureError(
            f"the certificate {_subject(certificate)!r} that it is signed with {when}",
            where=source,
            hint=f"see that this machine's clock ({self.now:%Y-%m-%d}) is right; take a newer document, {_NOT_CHECKED}",
        )


def authorities(pem: bytes, where: str) -> tuple[Certificate, ...]:
    """The certificates in a file, which came from `where`. Raises SignatureError when there is none to be read."""
    from cryptography import x509

    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise SignatureError(
            f"holds no certificate in PEM: {error}",
            where=where,
            hint="controller.update_center_authority names a file that begins with -----BEGIN CERTIFICATE-----",
        ) from None


def canonical(value: Any, source: str = "") -> bytes:
    """The bytes that are signed for a document: what json-lib's `writeCanonical` makes of it, in UTF-8.

    Keys in the order of their UTF-16 code units, nothing between, only `"`, `\\` and control characters escaped, the
    latter as four hex digits. Raises SignatureError for what has no such form.
    """
    out: list[str] = []
    _write(value, out.append, source)
    text = "".join(out)
    if _SURROGATE.search(text):
        raise _no_form("it holds half of a surrogate pair", source)
    return text.encode()


def _write(value: Any, put: Any, source: str) -> None:
    if isinstance(value, str):
        put(_quoted(value))
    elif isinstance(value, dict):
        put("{")
        for index, key in enumerate(_ordered(value)):
            put(f"{',' if index else ''}{_quoted(key)}:")
            _write(value[key], put, source)
        put("}")
    elif isinstance(value, list):
        put("[")
        for index, item in enumerate(value):
            if index:
                put(",")
            _write(item, put, source)
        put("]")
    elif value is None or value is True or value is False:
        put({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, int):
        put(str(value))
    elif isinstance(value, WrittenFloat):
        put(_number(value.text, source))
    else:
        raise _no_form(f"it holds a {type(value).__name__}", source)


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    return _ESCAPED.sub(lambda m: _ESCAPES.get(m[0], m[0]), quoted) if "\\" in quoted else quoted


def _ordered(keys: Mapping[str, Any]) -> list[str]:
    if all(map(str.isascii, keys)):
        return sorted(keys)
    return sorted(keys, key=lambda key: key.encode("utf-16-be", "surrogatepass"))


def _number(text: str, source: str) -> str:
    """How json-lib writes a number with a point or an exponent: as Java's float when it is in a float's range, else as
    its double. Java 17 writes some above 10,000,000 with more digits than are needed (JDK-4511638): here, as in later
    releases, with as few as tell it apart."""
    digits = text.lower().partition("e")[0].strip("-")
    zero = not digits.strip("0.")
    for pattern, most in (("f", 9), ("d", 17)):
        number = _rounded(text, pattern)
        if math.isinf(number) or (number == 0 and not zero):
            continue
        written = _java(number, pattern, most)
        return written if "e" in written else written.rstrip("0").rstrip(".")
    raise _no_form(f"the number {text} is out of range", source)


def _rounded(text: str, pattern: str) -> float:
    """The nearest number of 32 (`f`) or 64 (`d`) bits."""
    number = float(text)
    if pattern == "f":
        # A double half-way between two floats may itself have been rounded to there.
        if struct.unpack("<Q", struct.pack("<d", number))[0] & 0x1FFFFFFF == 0x10000000 and not math.isinf(number):
            exact = Decimal(text)
            if exact != Decimal(number):
                number = math.nextafter(number, math.inf if exact > Decimal(number) else -math.inf)
        try:
            return float(struct.unpack("<f", struct.pack("<f", number))[0])
        except OverflowError:
            return math.inf
    return number


def _java(number: float, pattern: str, most: int) -> str:
    """As Java's toString writes it, in small letters: at least two digits, no more than tell it apart."""
    if number == 0:
        return "-0.0" if math.copysign(1, number) < 0 else "0.0"
    for digits in range(1, most):
        text = f"{number:.{digits}e}"
        if _rounded(text, pattern) == number:
            break
    sign = "-" if number < 0 else ""
    mantissa, _, power = text.removeprefix("-").partition("e")
    figures, exponent = mantissa.replace(".", ""), int(power)
    if 0 <= exponent < 7:
        figures = figures.ljust(exponent + 2, "0")
        return f"{sign}{figures[: exponent + 1]}.{figures[exponent + 1 :]}"
    if -3 <= exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{figures}"
    return f"{sign}{figures[0]}.{figures[1:].rstrip('0') or '0'}e{exponent}"


def _certificates(block: Mapping[str, Any], source: str) -> list[Certificate]:
    from cryptography import x509

    listed = block.get("certificates")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_CERTIFICATES:
        raise _damaged(source, f"it has no list of 1 to {_MOST_CERTIFICATES} certificates")
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(str(one), validate=True)) for one in listed]
    except ValueError as error:  # binascii.Error is one
        raise _damaged(source, f"a certificate cannot be read: {error}") from None


def _bytes(block: Mapping[str, Any], key: str, source: str) -> bytes:
    """A value in hex or base64: documents have had both."""
    text = block.get(key)
    if not isinstance(text, str) or not text:
        old = "; it has SHA-1 only" if "correct_signature" in block and "correct_signature512" not in block else ""
        raise _damaged(source, f"it has no {key}{old}")
    try:
        return bytes.fromhex(text)
    except ValueError:
        pass
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _damaged(source, f"its {key} is neither hex nor base64") from None


def _signed_by(certificate: Certificate, signature: bytes, signed: bytes, source: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_RSA_BITS:
        raise _damaged(source, f"the key of its certificate is no RSA key of at least {_LEAST_RSA_BITS} bits")
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA512())
    except InvalidSignature:
        raise SignatureError(
            f"is not what {_subject(certificate)!r} signed: the signature does not fit", where=source, hint=_OTHER
        ) from None


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether `issuer` signed `certificate`, with a digest that is still good."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes

    if isinstance(certificate.signature_hash_algorithm, hashes.MD5 | hashes.SHA1):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _may_sign(issuer: Certificate, below: int) -> bool:
    """Whether a certificate may sign another, with `below` signing ones between it and the last."""
    from cryptography import x509

    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    if not constraints.ca or (constraints.path_length is not None and constraints.path_length < below):
        return False
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _subject(certificate: Certificate) -> str:
    from cryptography.x509.oid import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _damaged(source: str, what: str) -> SignatureError:
    return SignatureError(f"the document's signature is of no use: {what}", where=source, hint=_OTHER)


def _no_form(what: str, source: str) -> SignatureError:
    return SignatureError(f"the document's signature cannot be checked: {what}", where=source, hint=_OTHER)
