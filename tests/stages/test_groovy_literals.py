"""What a Python value becomes in Groovy: the same value, whatever is in it."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from jenkins_bootstrap.stages.literal import GroovyCode, LiteralError, environment, groovy_literal

FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HOSTILE = (
    "'\"\\$/{}()\n\r\t\b\f\x01\x02\x03\x7f\x85\xa0\u2028\u2029\ufeff\ufffe\uffff\U0001f600\U0010ffffun0x'''\"\"\"/*//#`"
)
TEXT = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")),
    st.text(st.sampled_from(sorted(set(HOSTILE)))),
    st.lists(
        st.sampled_from(
            ["\\u0027", "\\\\u0027", "${1/0}", "$x", "'''", '"""', "\\", "*/", "\\0", "\\47", "\r\n", "u", "\uffff"]
        )
    ).map("".join),
)
VALUE = st.recursive(
    st.one_of(TEXT, st.none(), st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1)),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.groovy
@FAST
@given(TEXT)
@example("\\u0027 + System.exit(1) + \\u0027")
@example("${System.exit(1)}")
@example('it\'s "quoted" \\ and\nbroken')
@example("\\")
@example("\\u")
@example("\\uuuu0041")
@example("\uffff")
@example("\uffff\uffff")
@example("\U0001f600\ufffe\ufeff")
@example("\x01\x02\x1a\x7f\x80\xff")
def test_a_string_comes_back_the_same(evaluate, text):
    assert evaluate(groovy_literal(text)) == (text, "java.lang.String")


@pytest.mark.groovy
@FAST
@given(VALUE)
def test_a_nested_value_comes_back_the_same(evaluate, value):
    assert evaluate(groovy_literal(value))[0] == value


@pytest.mark.groovy
@settings(parent=FAST, max_examples=50)
@given(st.lists(TEXT, min_size=1, max_size=20))
def test_no_literal_reaches_into_its_neighbours(evaluate, texts):
    script = "def kept = 'before'\n" + "\n".join(f"def v{i} = {groovy_literal(t)}" for i, t in enumerate(texts))
    script += f"\n[kept, {', '.join(f'v{i}' for i in range(len(texts)))}, 'after']"
    assert evaluate(script)[0] == ["before", *texts, "after"]


@pytest.mark.groovy
@pytest.mark.parametrize("length", [15_999, 16_000, 16_001, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("char", ["a", "\u20ac", "'"])
def test_a_string_longer_than_a_constant_of_a_class_file_comes_back_the_same(evaluate, length, char):
    text = char * (length - 1) + "z"
    assert evaluate(groovy_literal(text)) == (text, "java.lang.String")


@pytest.mark.groovy
def test_collections_larger_than_a_method_come_back_the_same(evaluate):
    numbers = list(range(20_000))
    assert evaluate(groovy_literal(numbers))[0] == numbers
    nested = {f"key {i}": {"list": ["x", i, None, {"deep": [True] * 3}], "text": "'" * 9} for i in range(1_500)}
    assert evaluate(groovy_literal(nested))[0] == nested


@pytest.mark.groovy
def test_a_field_of_a_script_may_hold_a_large_literal(evaluate):
    value = {f"k{i}": [i] for i in range(3_000)}
    script = f"@groovy.transform.Field final Map V = {groovy_literal(value)}\ndef size() {{ V.size() }}\nsize()"
    assert evaluate(script)[0] == 3_000


@given(VALUE)
def test_a_literal_is_ascii_on_one_line(value):
    text = groovy_literal(value)
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("a\0b", "null byte"),
        (["a", {"b": "\0"}], "null byte"),
        ({"\0": 1}, "null byte"),
        ("a\ud800b", "surrogate"),
        ("\udc00\ud800", "surrogate"),
        (1.5, "float"),
        (b"x", "bytes"),
        (object(), "object"),
        ({1: "x"}, "key"),
        (2**63, "64 bits"),
        (-(2**63), "64 bits"),
        ("x" * 5_000_000, "too long"),
    ],
)
def test_what_groovy_cannot_hold_is_refused(value, word):
    with pytest.raises(LiteralError, match=word):
        groovy_literal(value)


def test_an_error_does_not_quote_a_long_value_whole():
    with pytest.raises(LiteralError) as caught:
        groovy_literal("x" * 1000 + "\0")
    assert len(str(caught.value)) < 200


@pytest.fixture
def render(tmp_path):
    def with_text(template, **values):
        (tmp_path / "t.j2").write_text(template)
        return environment(tmp_path).get_template("t.j2").render(**values)

    return with_text


def test_a_template_that_forgets_the_filter_fails(render):
    with pytest.raises(LiteralError, match="filter `literal`"):
        render("def a = '{{ a }}'", a="harmless")


@pytest.mark.parametrize(
    "template", ["{{ a | literal ~ '' }}", "{{ a | upper }}", "{{ 1 }}", "{{ none }}", "{{ a | literal | trim }}"]
)
def test_a_template_cannot_change_a_literal_afterwards(render, template):
    with pytest.raises(LiteralError):
        render(template, a="x")


@pytest.mark.parametrize("template", ["{{ missing }}", "{{ missing | literal }}", "{{ missing.part | literal }}"])
def test_a_template_that_names_what_is_not_there_fails(render, template):
    with pytest.raises((UndefinedError, LiteralError), match="ndefined"):
        render(template)


def test_a_literal_is_printed_as_it_is(render):
    assert render("def a = {{ a | literal }}\n", a={"x": ["it's", 1, None]}) == "def a = ['x': ['it\\047s', 1, null]]\n"
    assert isinstance(groovy_literal(""), GroovyCode)
