"""Definitions as Jenkins gives them back: what is a difference and what is not, and the mark of a gone repository."""

import xml.etree.ElementTree as ET
from datetime import date

import pytest
from hypothesis import given, settings, strategies

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.diff import unified
from jenkins_bootstrap.jobs.marker import clean_text, parse, read_line, with_line, without_line
from jenkins_bootstrap.jobs.read_back import mark_gone, parse_definition
from jenkins_bootstrap.jobs.xml import render

DAY = date(2026, 11, 24)
DECLARED = b"<?xml version='1.1' encoding='UTF-8'?>\n"


@pytest.fixture(scope="module")
def ours():
    """The definition of one repository, rendered once."""
    made = {}

    def get(base):
        if not made:
            (made["job"],) = render(base, [Repository("acme-demo", "web", 7, description="words")])
        return made["job"].xml

    return get


def saved(xml):
    """What a save makes of it, as measured: XML 1.1, plugin versions, another order, some more elements, some less."""
    text = xml.decode().partition("?>")[2].strip()
    text = text.replace(
        'class="jenkins.branch.MultiBranchProject$BranchSourceList"',
        'class="jenkins.branch.MultiBranchProject$BranchSourceList" plugin="branch-api@2.1244"',
    )
    text = text.replace("<scriptPath>Jenkinsfile</scriptPath>", "<scriptPath>Jenkinsfile</scriptPath>\n<x></x>")
    root = parse(text)
    root[:] = sorted(root, key=lambda e: e.tag, reverse=True)
    return DECLARED + ET.tostring(root)


def test_what_jenkins_does_to_a_definition_is_no_difference(settings, ours):
    assert unified("github/acme-demo/web", saved(ours(settings)), ours(settings)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<disabled>false<", b"<disabled>true<"),
        (b"<scriptPath>Jenkinsfile<", b"<scriptPath>ci/Jenkinsfile<"),
        (b"<repository>web<", b"<repository>api<"),
        (b"<numToKeep>30<", b"<numToKeep>7<"),
        (b"words", b"other words"),
        (b"<interval>86400000<", b"<interval>60000<"),
        (b"BranchDiscoveryTrait", b"TagDiscoveryTrait"),
    ],
    ids=lambda v: v.decode().strip("<>") if isinstance(v, bytes) else "",
)
def test_what_a_person_changes_is_a_difference(settings, ours, old, new):
    xml = ours(settings)
    assert old in xml
    lines = unified("github/acme-demo/web", saved(xml.replace(old, new)), xml)
    assert lines[:2] == ["--- jenkins/github/acme-demo/web", "+++ wanted/github/acme-demo/web"]
    assert any(new.decode().strip("<>") in line for line in lines if line.startswith("-  "))


def test_the_order_in_a_list_is_a_difference_and_elsewhere_none():
    xml = b"<project><builders><a>1</a><b>2</b></builders></project>"
    other = b"<project><builders><b>2</b><a>1</a></builders></project>"
    assert unified("x", other, xml)
    assert not unified("x", b"<project><b>2</b><a>1</a></project>", b"<project><a>1</a><b>2</b></project>")


def test_the_class_of_a_list_that_jenkins_leaves_out_is_no_difference():
    wanted = b'<project><triggers class="vector"><t><spec>H * * * *</spec></t></triggers></project>'
    assert not unified("x", wanted.replace(b' class="vector"', b""), wanted)


def test_the_machine_line_is_no_difference(settings, ours):
    xml = ours(settings)
    line = str(read_line(xml)).encode()
    assert unified("x", xml.replace(line, line.replace(b"id=7", b"id=8")), xml) == []


def test_a_marked_definition_is_disabled_and_else_the_same(settings, ours):
    xml = ours(settings)
    marked = mark_gone(DECLARED + xml.partition(b"?>")[2], DAY)
    before, after = read_line(xml), read_line(marked)
    assert (after.owner, after.id, after.hash, after.scan, after.gone) == (before.owner, 7, before.hash, None, DAY)
    assert [line for line in unified("x", xml, marked) if line[0] in "+-"][2:] == ["+  <disabled>true</disabled>"]
    assert mark_gone(marked, DAY) == marked


def test_a_definition_without_a_line_or_a_state_of_its_own():
    assert mark_gone(b"<project><description>mine</description></project>", DAY) is None
    assert mark_gone(b"<project/>", DAY) is None
    line = "jenkins-bootstrap: owner=demo id=job hash=" + "0" * 64
    marked = mark_gone(f"<project><description>{line}</description></project>".encode(), DAY)
    assert parse(marked).findtext("disabled") == "true"


def test_xml_1_1_with_control_characters_is_read():
    text = DECLARED + b"<project><description>a&#1;b&#x2;c&#10;</description></project>"
    assert parse_definition(text).findtext("description") == "a\ufffdb\ufffdc\n"
    for bad in (b"", b"<html>", b"\xff\xfe", b"not xml"):
        with pytest.raises(BootstrapError, match="is not XML"):
            parse_definition(bad)


@settings(max_examples=150, deadline=None)
@given(strategies.text(max_size=40))
def test_any_description_survives_the_mark(text):
    line = read_line(b"<x><description>jenkins-bootstrap: owner=demo id=3 hash=" + b"a" * 64 + b"</description></x>")
    root = ET.Element("project")
    ET.SubElement(root, "description").text = with_line(clean_text(text), line)
    marked = parse(mark_gone(ET.tostring(root), DAY)).findtext("description")
    assert without_line(marked) == clean_text(text)
    assert read_line(mark_gone(ET.tostring(root), DAY)).gone == DAY
