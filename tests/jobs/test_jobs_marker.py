"""The machine line, the canonical hash, and the text that XML can carry."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jenkins_bootstrap.jobs import marker
from jenkins_bootstrap.jobs.marker import MachineLine, clean_text, parse_line, with_line, without_line

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
LINE = MachineLine("demo", 1300192, "ab" * 32)


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
    ],
)
def test_other_descriptions_are_not_ours(description):
    assert parse_line(description) is None


def test_a_folder_has_no_id():
    line = MachineLine("demo", None, "0" * 64)
    assert str(line).startswith("jenkins-bootstrap: owner=demo id=folder hash=")
    assert parse_line(str(line)) == line


ONE = f"<job><a x='1'>t</a><description>text\n\n{LINE}</description></job>"


@pytest.mark.parametrize(
    "same",
    [
        ONE.replace("><", ">\n  <"),
        ONE.replace("x='1'", 'x="1"'),
        ONE.replace("ab" * 32, "cd" * 32),
        "<?xml version='1.0' encoding='utf-8'?>\n" + ONE.replace("t</a>", "&#116;</a>"),
        ONE.replace(f"\n\n{LINE}", ""),
    ],
)
def test_the_hash_does_not_see_writing_style_or_its_own_line(same):
    assert marker.definition_hash(same.encode()) == marker.definition_hash(ONE.encode())


@pytest.mark.parametrize("other", [ONE.replace(">t<", "> t<"), ONE.replace("text", "Text"), ONE.replace("'1'", "'2'")])
def test_the_hash_sees_every_change_of_content(other):
    assert marker.definition_hash(other.encode()) != marker.definition_hash(ONE.encode())


def test_the_hash_is_sha256_in_hex():
    assert re.fullmatch(r"[0-9a-f]{64}", marker.definition_hash(ONE.encode()))
