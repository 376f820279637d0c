"""Signatures of update-center documents, by authorities made here; Jenkins' canonical form, byte for byte."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.cli.main import run
from jenkins_bootstrap.config.load import parse as parse_settings
from jenkins_bootstrap.plugins import update_center
from jenkins_bootstrap.plugins.errors import PluginError, SignatureError
from jenkins_bootstrap.plugins.signature import Trust, WrittenFloat, authorities, canonical
from jenkins_bootstrap.plugins.source import AUTHORITY, unsigned_because
from jenkins_bootstrap.resources import sample

CANONICAL = Path(__file__).resolve().parents[1] / "data/plugins/canonical.json"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
Raw = Callable[..., dict[str, Any]]


# The canonical form


def test_the_canonical_form_is_json_libs() -> None:
    """What json-lib 2.4-jenkins-8 (of core 2.516.2, on Java 17) wrote for hostile strings, keys and numbers."""
    rows = json.loads(CANONICAL.read_text())
    wrong = []
    for document, written in rows:
        value = json.loads(document, parse_float=WrittenFloat)
        value.pop("signature", None)
        if canonical(value) != written.encode():
            wrong.append((document, written, canonical(value)))
    assert wrong == []
    assert len(rows) > 500


def slowly(value: Any) -> str:
    """The same in the plainest words, for what has no number with a point."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: list(k.encode("utf-16-be")))
        return "{" + ",".join(slowly(k) + ":" + slowly(value[k]) for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(slowly, value)) + "]"
    if isinstance(value, str):
        out = ""
        for char in value:
            out += "\\" + char if char in '"\\' else f"\\u{ord(char):04x}" if char < " " else char
        return f'"{out}"'
    return {None: "null", True: "true", False: "false"}[value] if type(value) is not int else str(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_value_has_the_one_form(value: Any) -> None:
    assert canonical(value) == slowly(value).encode()
    assert canonical(json.loads(json.dumps(value))) == canonical(value)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_is_written_as_the_float_it_is(number: float) -> None:
    written = canonical(WrittenFloat(repr(number))).decode()
    assert math.isclose(float(written), number, rel_tol=1e-7, abs_tol=1.5e-45)


@pytest.mark.parametrize(
    "raw", ['{"k": "\\ud800 lone"}', '{"\\udfff": 1}', '{"k": 1e400}', '{"k": 1e-400}', '{"k": NaN}', '{"k": Infinity}']
)
def test_what_has_no_such_form_is_refused(raw: str) -> None:
    with pytest.raises(SignatureError, match="signature cannot be checked"):
        canonical(json.loads(raw, parse_float=WrittenFloat))


# Who signs


@dataclass(frozen=True)
class Signer:
    key: Any
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def made(
    common: str,
    issuer: Signer | None,
    *,
    ca: bool = False,
    length: int | None = None,
    days: tuple[int, int] = (-10, 10),
    key: Any = None,
) -> Signer:
    key = key or rsa.generate_private_key(65537, 2048)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(issuer.certificate.subject if issuer else name(common))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca, length if ca else None), critical=True)
    )
    return Signer(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


@pytest.fixture(scope="module")
def keys() -> Iterator[list[Any]]:
    """Keys take long to make: three do for all."""
    yield [rsa.generate_private_key(65537, 2048) for _ in range(3)]


@pytest.fixture
def root(keys: list[Any]) -> Signer:
    return made("root", None, ca=True, key=keys[0])


@pytest.fixture
def leaf(root: Signer, keys: list[Any]) -> Signer:
    return made("update center", root, key=keys[1])


def signed(document: dict[str, Any], signer: Signer, *above: Signer, hexed: bool = True, **change: Any) -> bytes:
    """The document with its signature, in hex (as Jenkins' now) or base64 (as others still)."""
    document = {k: v for k, v in document.items() if k != "signature"}
    data = canonical(json.loads(json.dumps(document), parse_float=WrittenFloat))
    signature = signer.key.sign(data, padding.PKCS1v15(), hashes.SHA512())
    write = (lambda raw: raw.hex()) if hexed else (lambda raw: base64.b64encode(raw).decode())
    block = {
        "certificates": [signer.der, *(one.der for one in above)],
        "correct_digest512": write(hashlib.sha512(data).digest()),
        "correct_signature512": write(signature),
        **change,
    }
    return json.dumps({**document, "signature": {k: v for k, v in block.items() if v is not None}}).encode()


@pytest.fixture
def document(raw: Raw) -> dict[str, Any]:
    document = raw({"git": "5.7 2.479 scm-api@1", "scm-api": "2.1 2.479"})
    document["plugins"]["git"]["excerpt"] = 'Ünïcödé \U0001f600, "quoted" \\ </b>\n\t\x7f'
    document["plugins"]["git"]["popularity"] = 0.0125
    return document


@pytest.fixture
def trust(root: Signer) -> Trust:
    return Trust((root.certificate,), NOW, "the test authority")


def refused(raw: bytes, trust: Trust) -> str:
    with pytest.raises(SignatureError) as caught:
        update_center.parse(raw, "uc.json", trust)
    assert caught.value.where == "uc.json"
    assert "controller.update_center_check to none" in caught.value.hint
    return caught.value.what


@pytest.mark.parametrize("hexed", [True, False])
def test_a_signed_document_is_taken_and_says_who_signed(
    document: dict[str, Any], leaf: Signer, trust: Trust, hexed: bool
) -> None:
    raw = signed(document, leaf, hexed=hexed)
    for form in (raw, gzip.compress(raw), b"updateCenter.post(\n" + raw + b"\n);"):
        read = update_center.parse(form, "uc.json", trust)
        assert (read.signer, read.names) == ("update center", ["git", "scm-api"])


def test_without_a_trust_nothing_is_looked_at(document: dict[str, Any], leaf: Signer) -> None:
    assert update_center.parse(signed(document, leaf, correct_digest512="00"), "uc.json").signer is None


def test_a_document_that_is_not_signed(document: dict[str, Any], trust: Trust) -> None:
    assert refused(json.dumps(document).encode(), trust) == "the update-center document is not signed"


@pytest.mark.parametrize(
    "tamper",
    [
        lambda d: d["plugins"]["git"].update(sha256="A" * 43 + "="),
        lambda d: d["plugins"]["git"].update(url="https://elsewhere.example.com/git.hpi"),
        lambda d: d["plugins"]["git"]["dependencies"].clear(),
        lambda d: d.update(core={"version": "2.999"}),
        lambda d: d.update(more=None),
        lambda d: d["plugins"].pop("scm-api"),
        lambda d: d["plugins"]["git"].update(version="5.7 "),
    ],
)
def test_a_document_that_was_changed(
    document: dict[str, Any], leaf: Signer, trust: Trust, tamper: Callable[[dict[str, Any]], object]
) -> None:
    changed = json.loads(signed(document, leaf))
    tamper(changed)
    assert refused(json.dumps(changed).encode(), trust).startswith("was changed after it was signed")


def test_a_changed_document_with_a_new_digest_but_the_old_signature(
    document: dict[str, Any], leaf: Signer, trust: Trust
) -> None:
    old = json.loads(signed(document, leaf))["signature"]["correct_signature512"]
    document["plugins"]["git"]["url"] = "https://elsewhere.example.com/git.hpi"
    raw = signed(document, leaf, correct_signature512=old)
    assert refused(raw, trust) == "is not what 'update center' signed: the signature does not fit"


def test_a_key_that_stands_twice(document: dict[str, Any], leaf: Signer, trust: Trust) -> None:
    raw = signed(document, leaf).replace(b'"id": "test"', b'"id": "other", "id": "test"')
    with pytest.raises(PluginError, match="the key 'id' stands twice"):
        update_center.parse(raw, "uc.json", trust)


def test_another_authority(document: dict[str, Any], keys: list[Any], trust: Trust) -> None:
    stranger = made("root", None, ca=True, key=keys[2])  # of the same name
    forged = made("update center", stranger, key=keys[1])
    what = "is signed by 'update center', whom the test authority does not vouch for"
    assert refused(signed(document, forged), trust) == what
    assert "whom the test authority" in refused(signed(document, forged, stranger), trust)
    assert "whom the test authority" in refused(signed(document, stranger), trust)


def test_the_certificate_of_another_beside_an_own_signature(
    document: dict[str, Any], keys: list[Any], leaf: Signer, trust: Trust
) -> None:
    mine = Signer(keys[2], leaf.certificate)
    assert "does not fit" in refused(signed(document, mine), trust)


@pytest.mark.parametrize(
    ("days", "says"), [((-90, -1), "has expired on 2026-05-31"), ((1, 90), "is not valid before 2026-06-02")]
)
def test_a_certificate_that_has_expired_or_is_not_yet_valid(
    document: dict[str, Any], root: Signer, keys: list[Any], trust: Trust, days: tuple[int, int], says: str
) -> None:
    leaf = made("update center", root, key=keys[1], days=days)
    assert refused(signed(document, leaf), trust) == f"the certificate 'update center' that it is signed with {says}"


def test_an_authoritys_own_dates_do_not_count(document: dict[str, Any], keys: list[Any]) -> None:
    root = made("root", None, ca=True, key=keys[0], days=(-900, -1))
    raw = signed(document, made("update center", root, key=keys[1]))
    assert update_center.parse(raw, "x", Trust((root.certificate,), NOW, "it")).signer == "update center"


def test_a_chain_through_one_between(document: dict[str, Any], root: Signer, keys: list[Any], trust: Trust) -> None:
    between = made("between", root, ca=True, length=0, key=keys[2])
    leaf = made("update center", between, key=keys[1])
    assert update_center.parse(signed(document, leaf, between), "x", trust).signer == "update center"
    assert "vouch" in refused(signed(document, leaf), trust)
    expired = made("between", root, ca=True, key=keys[2], days=(-90, -1))
    assert "'between' that it is signed with has expired" in refused(signed(document, leaf, expired), trust)


def test_one_between_that_may_not_sign(document: dict[str, Any], root: Signer, keys: list[Any], trust: Trust) -> None:
    """A certificate for a document must not make an authority of its holder."""
    between = made("between", root, ca=False, key=keys[2])
    assert "vouch" in refused(signed(document, made("forged", between, key=keys[1]), between), trust)
    short = made("between", root, ca=True, length=0, key=keys[2])
    lower = made("lower", short, ca=True, key=keys[1])
    forged = made("forged", lower, key=keys[1])
    assert "vouch" in refused(signed(document, forged, lower, short), trust)


def test_a_weak_digest_or_key_does_not_do(
    document: dict[str, Any], root: Signer, keys: list[Any], trust: Trust
) -> None:
    weak = made("update center", root, key=rsa.generate_private_key(65537, 1024))
    assert "no RSA key of at least 2048 bits" in refused(signed(document, weak), trust)
    curve = ec.generate_private_key(ec.SECP256R1())
    other = Signer(keys[1], made("update center", root, key=curve).certificate)
    assert "no RSA key" in refused(signed(document, other), trust)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"certificates": []}, "no list of 1 to 8 certificates"),
        ({"certificates": None}, "no list of 1 to 8 certificates"),
        ({"certificates": ["AAAA"]}, "a certificate cannot be read"),
        ({"certificates": ["not base64!"]}, "a certificate cannot be read"),
        ({"correct_digest512": None}, "it has no correct_digest512"),
        ({"correct_digest512": "zz!"}, "its correct_digest512 is neither hex nor base64"),
        ({"correct_signature512": None}, "it has no correct_signature512"),
        ({"correct_signature512": None, "correct_signature": "AAAA"}, "it has SHA-1 only"),
        ({"correct_signature512": 5}, "it has no correct_signature512"),
        ({"correct_signature512": "AAAA"}, "the signature does not fit"),
    ],
)
def test_a_damaged_signature(
    document: dict[str, Any], leaf: Signer, trust: Trust, change: dict[str, Any], says: str
) -> None:
    assert says in refused(signed(document, leaf, **change), trust)


def test_a_signature_that_is_no_mapping(document: dict[str, Any], trust: Trust) -> None:
    assert "it is no mapping" in refused(json.dumps({**document, "signature": "yes"}).encode(), trust)


def test_jenkins_own_authority_ships(document: dict[str, Any], leaf: Signer) -> None:
    (certificate,) = authorities(sample(AUTHORITY).read_bytes(), AUTHORITY)
    assert certificate.not_valid_after_utc.year == 2028
    jenkins = Trust((certificate,), NOW, "Jenkins' own authority")
    assert "whom Jenkins' own authority does not vouch for" in refused(signed(document, leaf), jenkins)


# In the settings


@pytest.mark.parametrize(
    ("target", "more", "why"),
    [
        ("embedded", "", "it is the sample that ships with the package"),
        ("embedded", "embedded: {update_center: uc.json}", "embedded.update_center names it"),
        ("aws", "embedded: {update_center: uc.json}", None),
        ("aws", "", None),
    ],
)
def test_when_a_signature_is_not_needed(target: Any, more: str, why: str | None) -> None:
    def settings(controller: str = "") -> Any:
        text = "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\n"
        text += f"controller: {{url: 'https://x/'{controller}}}\n{more}\n"
        return parse_settings(text, name="s.yml", folder=Path("/"))

    assert unsigned_because(settings(), target) == why
    assert unsigned_because(settings(", update_center: x.json"), target) is None
    none = settings(", update_center: x.json, update_center_check: none")
    assert unsigned_because(none, target) == "controller.update_center_check is none"


def test_commands_refuse_what_is_not_signed_and_take_what_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    document: dict[str, Any],
    keys: list[Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    near = datetime.now(UTC) - NOW
    days = (near.days - 2, near.days + 2)
    root = made("mirror", None, ca=True, key=keys[0], days=days)
    leaf = made("a mirror's update center", root, key=keys[1], days=days)
    (tmp_path / "ca.pem").write_bytes(b"of the mirror\n" + root.pem)
    text = (
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\ncontroller:\n  url: https://x/\n"
        "  plugins: [git]\n  update_center: uc.json\n"
    )
    (tmp_path / "s.yml").write_text(text + "  update_center_authority: ca.pem\n")
    call = ["-c", "s.yml", "--target", "embedded", "plugins"]
    (tmp_path / "uc.json").write_bytes(json.dumps(document).encode())
    assert run([*call, "lock"]) == 1
    assert "uc.json: the update-center document is not signed" in capsys.readouterr().err
    (tmp_path / "uc.json").write_bytes(signed(document, leaf))
    assert run([*call, "lock"]) == 0
    assert "signed by a mirror's update center\n" in capsys.readouterr().out
    assert run([*call, "verify"]) == 0
    assert "signed by a mirror's update center" in capsys.readouterr().err
    (tmp_path / "s.yml").write_text(text)
    assert run([*call, "verify"]) == 1
    assert "whom Jenkins' own authority does not vouch for" in capsys.readouterr().err
    (tmp_path / "s.yml").write_text(text + "  update_center_check: none\n")
    assert run([*call, "verify"]) == 0
    assert "its signature was not looked at: controller.update_center_check is none" in capsys.readouterr().err
    (tmp_path / "ca.pem").write_text("nothing")
    (tmp_path / "s.yml").write_text(text + "  update_center_authority: ca.pem\n")
    assert run([*call, "verify"]) == 1
    assert "ca.pem: holds no certificate in PEM" in capsys.readouterr().err


def test_a_lock_that_fits_does_not_make_a_forged_document_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: dict[str, Any]
) -> None:
    """A forged document could hide the warnings of what is locked."""
    from jenkins_bootstrap.cli.context import Context
    from jenkins_bootstrap.cli.plugins import wanted_lock

    monkeypatch.chdir(tmp_path)
    (tmp_path / "uc.json").write_text(json.dumps(document))
    text = (
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\ncontroller:\n  url: https://x/\n"
        "  plugins: [git]\n  update_center: uc.json\n"
    )
    (tmp_path / "s.yml").write_text(text + "  update_center_check: none\n")
    assert run(["-c", "s.yml", "--target", "embedded", "plugins", "lock"]) == 0
    (tmp_path / "s.yml").write_text(text)
    with pytest.raises(SignatureError):
        wanted_lock(Context(tmp_path / "s.yml", "embedded"))
