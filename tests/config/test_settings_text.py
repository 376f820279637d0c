"""Texts that Jenkins would not keep as they are, or could not store, are told with their place in the file."""

import re
import typing
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from jenkins_bootstrap.config.fields import Form
from jenkins_bootstrap.config.load import parse
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError

SETTINGS = """\
project: demo
region: eu-west-1
{line}
controller:
  url: {url}
  {more}
github: {{owners: [{{name: acme}}]}}
"""


def parsed(tmp_path, *, line="", url="https://jenkins.example.com", more=""):
    return parse(SETTINGS.format(line=line, url=url, more=more), name="s.yml", folder=tmp_path)


@pytest.mark.parametrize("text", [r"a\0b", r"a\x1bb", r"a\x7fb", r"a\u2028b", r"a\uFFFEb", r"a\uFFFFb", r"a\nb"])
@pytest.mark.parametrize(
    ("line", "more", "place"),
    [
        ("", 'admin_address: "%s@example.com"', "s.yml:6:18: controller.admin_address"),
        ("", 'accounts: [{id: ada, full_name: "%s"}]', "controller.accounts[0].full_name"),
        ("", 'accounts: [{id: ada, email: "%s"}]', "controller.accounts[0].email"),
        ("", 'sign_in: {kind: ldap, groups: {"%s": reader}}', "controller.sign_in.groups"),
        ("", 'credentials: [{id: a, secret: a, kind: text, description: "%s"}]', "controller.credentials[0].desc"),
        ("", 'volume: {tags: {Name: "%s"}}', "controller.volume.tags.Name"),
        ('tags: {Team: "%s"}', "", "s.yml:3:14: tags.Team"),
        ('tags: {"%s": a}', "", "tags"),
        ('images: {base: {template: base, tags: {Team: "%s"}, source: {owners: [self], name: a}}}', "", "tags.Team"),
    ],
)
def test_a_text_that_cannot_be_stored_is_told_with_its_place(tmp_path, text, line, more, place):
    with pytest.raises(BootstrapError) as caught:
        parsed(tmp_path, line=line and line % text, more=more and more % text)
    assert place in str(caught.value)
    assert "does not have the form" in str(caught.value)


@pytest.mark.parametrize("name", [r"a\0b", r"a\u2028b"])
def test_an_option_may_have_several_lines_but_nothing_that_cannot_be_stored(tmp_path, name):
    more = 'sign_in: {kind: saml, options: {idpMetadataConfiguration.xml: "%s"}}'
    parsed(tmp_path, more=more % r"<a>\n\t</a>")
    for wrong in (more % name, f'sign_in: {{kind: saml, options: {{"{name}": x}}}}'):
        with pytest.raises(BootstrapError, match=r"s.yml:6:\d+: controller.sign_in.options"):
            parsed(tmp_path, more=wrong)


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:pw@jenkins.example.com/",
        "https://jenkins.example.com/?a=b",
        "https://jenkins.example.com/#a",
        '"https://jenkins.example.com/\'a"',
        "'https://jenkins.example.com/\"a'",
        "'https://jenkins.example.com/a b'",
        "' https://jenkins.example.com/'",
        '"https://jenkins.example.com/\\n"',
        '"https://jenkins.example.com/\\0"',
        "https://jenkins.example.com//a",
        "https://jenkins.example.com/../a",
        "https://jenkins..example.com/",
        "https://-a/",
        "https://",
        "ftp://a/",
    ],
)
def test_a_url_that_jenkins_would_change_or_refuse_is_an_error(tmp_path, url):
    with pytest.raises(
        BootstrapError, match=r"s.yml:5:\d+: controller.url: does not have the form http:// or https://,"
    ):
        parsed(tmp_path, url=url)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://jenkins.example.com", "https://jenkins.example.com/"),
        ("http://127.0.0.1:8080/jenkins", "http://127.0.0.1:8080/jenkins/"),
        ("'http://[::1]:8080/a/b-c_d.e~/'", "http://[::1]:8080/a/b-c_d.e~/"),
        ("https://jenkins.example.com/a%20b/", "https://jenkins.example.com/a%20b/"),
    ],
)
def test_a_url_is_kept_but_for_its_last_slash(tmp_path, url, kept):
    assert parsed(tmp_path, url=url).controller.url == kept


@pytest.mark.parametrize(
    "address", [" a@b", "a@b ", "a", "@", "a@", '\\"a\\"@b', "Jenkins <a@b> ", " J <a@b>", "a@b, c@d"]
)
def test_an_address_that_jenkins_would_change_or_that_is_none_is_an_error(tmp_path, address):
    with pytest.raises(BootstrapError, match=r"s.yml:6:\d+: controller.admin_address"):
        parsed(tmp_path, more=f'admin_address: "{address}"')


@pytest.mark.parametrize(
    "address", ["", "a@b", "Jenkins of Ada's <jenkins@example.com>", "Gr\u00fc\u00dfe <a@b.example>"]
)
def test_an_address_is_kept(tmp_path, address):
    assert parsed(tmp_path, more=f'admin_address: "{address}"').controller.admin_address == address


@pytest.mark.parametrize("line", ['email: " a@b"', 'email: "a@b "', 'full_name: "  "'])
def test_what_jenkins_would_trim_of_an_account_is_an_error(tmp_path, line):
    with pytest.raises(BootstrapError, match=r"controller.accounts\[0\]"):
        parsed(tmp_path, more=f"accounts: [{{id: ada, {line}}}]")


def without_words(annotation, metadata, seen):
    """The patterns of more than 40 characters that no Form stands beside, from an annotation of the settings down."""
    found = [m for each in metadata for m in (*getattr(each, "metadata", ()), each)]
    if not any(isinstance(m, Form) for m in found):
        yield from (m.pattern for m in found if len(getattr(m, "pattern", None) or "") > 40)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen.add(annotation)
        for field in annotation.model_fields.values():
            yield from without_words(field.annotation, field.metadata, seen)
    for inner in typing.get_args(annotation):
        yield from without_words(inner, getattr(inner, "__metadata__", ()), seen)


def test_each_pattern_that_nobody_can_read_has_words_beside_it():
    seen = set()
    assert list(without_words(Settings, (), seen)) == []
    assert len(seen) > 10
    bare = list[Annotated[str, Field(pattern="a" * 41)]]
    assert list(without_words(bare, (), seen)) == ["a" * 41]


@pytest.mark.parametrize(
    ("line", "more", "words"),
    [
        ("", "admin_address: a", "ADDRESS or NAME <ADDRESS>"),
        ("", 'plugins: ["git 5"]', "NAME or NAME@VERSION"),
        ("", "boot: {alarm_topic: operators}", "arn:aws:sns:REGION:ACCOUNT:TOPIC"),
        ("", r'sign_in: {kind: saml, options: {a: "a\0b"}}', "text without control characters"),
        ("", r'sign_in: {kind: saml, options: {"a\0b": a}}', "one line without control characters"),
        ("", r'volume: {tags: {Name: "a\0b"}}', "one line without control characters"),
        (r'tags: {"a\0b": a}', "", "one line without control characters"),
        ("", "accounts: [{id: a b}]", "^[A-Za-z0-9_-]{1,64}$"),
    ],
)
def test_what_a_text_must_be_like_is_told_in_words_or_by_a_short_pattern(tmp_path, line, more, words):
    with pytest.raises(BootstrapError) as caught:
        parsed(tmp_path, line=line, more=more)
    assert re.search(rf"does not have the form {re.escape(words)}(; seen.*)?$", str(caught.value), re.MULTILINE)
