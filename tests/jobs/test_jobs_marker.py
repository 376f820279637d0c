"""The machine line, the canonical hash, and the text that XML can carry."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jenkins_bootstrap.jobs import marker
from jenkins_bootstrap.jobs.marker import FOLDER, JOB, MachineLine, clean_text, parse_line, with_line, without_line

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
LINE = MachineLine("demo", 1300192, "ab" * 32, "cd" * 8)
GONE = replace(LINE, gone=date(2026, 11, 24))
LINES = st.builds(
    MachineLine,
    st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True),
    st.integers(1, 2**53),
    st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    st.none() | st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    st.none() | st.dates(),
) | st.builds(MachineLine, st.just("demo"), st.none(), st.just("0" * 64), kind=st.sampled_from([FOLDER, JOB]))


@given(ANY_TEXT)
@example("\ud800\x00]]>\r\n\x85")
def test_cleaned_text_survives_xml_and_cleaning_again(text):
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    element = ET.Element("description")
    element.text = cleaned
    assert (ET.fromstring(ET.tostring(element, "utf-8")).text or "") == cleaned


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("a\x00b\x1bc", "a\ufffdb\ufffdc"),
        ("a\r\nb\rc\x85d\u2028e", "a\nb\nc\nd\ne"),
        ("tab\tstays", "tab\tstays"),
        ("  ends go \n", "ends go"),
        ("\ud83d", "\ufffd"),
        ("{x} ]]> <b> & \" '", "{x} ]]> <b> & \" '"),
    ],
)
def test_what_xml_cannot_carry_becomes_the_replacement_character(given_text, kept):
    assert clean_text(given_text) == kept


@given(ANY_TEXT)
@example("jenkins-bootstrap: owner=thief id=1 hash=" + "0" * 64)
def test_the_line_is_found_again_whatever_stands_before_it(text):
    cleaned = clean_text(text)
    whole = with_line(cleaned, LINE)
    assert parse_line(whole) == LINE
    assert without_line(whole) == cleaned


@pytest.mark.parametrize(
    "description",
    [
        None,
        "",
        "made by hand",
        f"{LINE}\nand somebody wrote below it",
        str(LINE).replace("owner=demo", "owner="),
        str(LINE)[:-1],
        f"see {LINE}",
        "<!-- Managed by Jenkins Job Builder -->",
        str(GONE).replace("-11-", "-13-"),
        str(GONE).replace(" gone", "  gone"),
        str(GONE).replace(" scan=cdcdcdcdcdcdcdcd", "") + " scan=cdcdcdcdcdcdcdcd",
        str(LINE).replace("id=1300192", "id=0"),
        str(LINE).replace("id=1300192", "id=jobs"),
    ],
)
def test_other_descriptions_are_not_ours(description):
    assert parse_line(description) is None


@given(LINES, ANY_TEXT)
def test_every_line_is_read_back_as_it_was_written(line, text):
    assert parse_line(with_line(clean_text(text), line)) == line


def test_the_line_is_written_as_it_is_documented():
    assert str(GONE) == (
        f"jenkins-bootstrap: owner=demo id=1300192 hash={'ab' * 32} scan=cdcdcdcdcdcdcdcd gone=2026-11-24"
    )
    assert str(MachineLine("demo", None, "0" * 64, kind=FOLDER)).startswith("jenkins-bootstrap: owner=demo id=folder h")
    assert str(MachineLine("demo", None, "0" * 64, kind=JOB)).startswith("jenkins-bootstrap: owner=demo id=job hash=0")


def test_a_line_of_an_earlier_version_has_no_scan_hash():
    assert parse_line(f"jenkins-bootstrap: owner=demo id=1300192 hash={'ab' * 32}") == replace(LINE, scan=None)


def test_a_number_goes_with_a_repository_alone():
    for kind, number in (("repository", None), (FOLDER, 1), (JOB, 1)):
        with pytest.raises(ValueError, match="number"):
            MachineLine("demo", number, "0" * 64, kind=kind)


ONE = f"<job><a x='1'>t</a><description>text\n\n{LINE}</description></job>"


@pytest.mark.parametrize(
    "same",
    [
        ONE.replace("><", ">\n  <"),
        ONE.replace("x='1'", 'x="1"'),
        ONE.replace("ab" * 32, "cd" * 32),
        "<?xml version='1.0' encoding='utf-8'?>\n" + ONE.replace("t</a>", "&#116;</a>"),
        ONE.replace(f"\n\n{LINE}", ""),
        ONE.replace(str(LINE), str(GONE)),
    ],
)
def test_the_hash_does_not_see_writing_style_or_its_own_line(same):
    assert marker.definition_hash(same.encode()) == marker.definition_hash(ONE.encode())


@pytest.mark.parametrize("other", [ONE.replace(">t<", "> t<"), ONE.replace("text", "Text"), ONE.replace("'1'", "'2'")])
def test_the_hash_sees_every_change_of_content(other):
    assert marker.definition_hash(other.encode()) != marker.definition_hash(ONE.encode())


def test_the_hash_is_sha256_in_hex():
    assert re.fullmatch(r"[0-9a-f]{64}", marker.definition_hash(ONE.encode()))


MULTIBRANCH = (
    "<p><disabled>false</disabled><description>d</description><triggers><t/></triggers><sources><data><s>"
    "<source><traits><b/></traits></source><strategy class='S'><properties class='L'><a>"
    "<jenkins.branch.BuildRetentionBranchProperty><n>3</n></jenkins.branch.BuildRetentionBranchProperty>"
    "</a></properties></strategy></s></data></sources><factory><scriptPath>J</scriptPath></factory></p>"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<disabled>false", "<disabled>true"),
        (">d<", ">e<"),
        ("<t/>", ""),
        ("<n>3</n>", "<n>4</n>"),
        ("<p>", "<p> <healthMetrics/>\n"),
        ("><", ">\n  <"),
        ("<p>", "<p><properties><x/></properties>"),
    ],
)
def test_a_change_that_finds_no_other_heads_needs_no_scan(old, new):
    assert marker.scan_hash(MULTIBRANCH.replace(old, new).encode()) == marker.scan_hash(MULTIBRANCH.encode())


def test_the_first_and_the_last_limit_of_builds_need_no_scan():
    without = re.sub("<properties class='L'>.*</properties>", "<properties class='empty-list'/>", MULTIBRANCH)
    assert marker.scan_hash(without.encode()) == marker.scan_hash(MULTIBRANCH.encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<b/>", "<c/>"),
        (">J<", ">K<"),
        ("<a>", "<a><jenkins.branch.UntrustedBranchProperty/>"),
        ("<factory>", "<unknown/><factory>"),
    ],
)
def test_another_source_trait_script_or_anything_unknown_needs_a_scan(old, new):
    assert marker.scan_hash(MULTIBRANCH.replace(old, new).encode()) != marker.scan_hash(MULTIBRANCH.encode())


def test_what_has_no_sources_is_never_scanned():
    assert marker.scan_hash(b"<project/>") is None
