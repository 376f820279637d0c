"""The order of versions: Jenkins' rules, and a total order whatever the text."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.plugins.versions import Version, older

ASCENDING = [
    # As hudson.util.VersionNumber 1.12 orders them.
    ["2.0.ea", "2.0.ea1", "2.0.ea2", "2.0", "2.0.0.99", "2.0.1-SNAPSHOT", "2.0.1", "2.0.*", "2.1-SNAPSHOT", "2.1"],
    ["1.11", "1.11.9", "1.11.*", "1.12-SNAPSHOT (private-08/24/2008 12:13-hudson)", "1.12"],
    ["2.0.2", "2.0.3-20170207.105042-1", "2.0.3"],
    ["2.0-alpha-1-rc9999.abc123def456", "2.0-alpha-1", "2.0-alpha-2", "2.0-beta", "2.0-rc", "2.0", "2.0-sp"],
    ["1-a1", "1-b1", "1-m1", "1-cr1", "1", "1-sp", "1-abc", "1-1", "1-2", "1.1"],
    ["2.9", "2.60.1", "2.60.3", "2.479.3", "2.504", "2.516", "2.516.2", "2.516.10", "2.545"],
    ["4.1.124", "4.1.124.v12345", "4.1.125", "4.5.14-269.vfa_2321039a_83"],
    ["248.v78a_dcfc9db_ff", "359.v2191c4cf635f", "1415.v831096eb_5534"],
    ["2.31.63-54.vcf1e5a_c56c49", "2.31.63-100.v0", "2.31.64-1.v0"],
    ["1.2.0-2", "1.6.2-5", "1.6.2-11"],
    ["2.86", "2.86.1", "2.86.*", "2.87"],
    ["5.v2", "5.0.v1"],
]
EQUAL = [("2.0", "2.0.0"), ("2", "2.0"), ("2.0.ea", "2.0.ea0"), ("1-ga", "1"), ("1.0-final", "1"), ("1-cr", "1-RC")]

BITS = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "10",
        ".",
        "-",
        "alpha",
        "beta",
        "rc",
        "snapshot",
        "ga",
        "sp",
        "v",
        "a",
        "m",
        "*",
        "_",
        " ",
        "é",
        "(",
        "-SNAPSHOT",
    ]
)
VERSIONS = st.lists(BITS, max_size=8).map("".join) | st.text(max_size=12)


@pytest.mark.parametrize("versions", ASCENDING, ids=lambda versions: versions[0])
def test_versions_ascend(versions: list[str]) -> None:
    for one, other in itertools.combinations(versions, 2):
        assert Version(one) < Version(other)
        assert older(one, other)
        assert not older(other, one)
        assert Version(one) != Version(other)


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_two_spellings_of_a_version_are_equal(one: str, other: str) -> None:
    assert Version(one) == Version(other)
    assert hash(Version(one)) == hash(Version(other))
    assert not older(one, other)
    assert not older(other, one)


def test_a_version_keeps_its_spelling() -> None:
    assert str(Version("2.0")) == "2.0"
    assert Version("2.0") != "2.0"


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_total(a: str, b: str, c: str) -> None:
    one, two, three = Version(a), Version(b), Version(c)
    assert (one < two) + (two < one) + (one == two) == 1
    if one <= two <= three:
        assert one <= three
    if one == two:
        assert hash(one) == hash(two)
        assert (one < three) == (two < three)


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=5), st.lists(st.integers(0, 10**12), min_size=1, max_size=5)
)
def test_plain_numbers_compare_as_numbers(one: list[int], other: list[int]) -> None:
    length = max(len(one), len(other))
    padded = [numbers + [0] * (length - len(numbers)) for numbers in (one, other)]
    assert older(".".join(map(str, one)), ".".join(map(str, other))) == (padded[0] < padded[1])


@given(st.lists(BITS, max_size=8).map("".join))
def test_leading_zeros_and_case_do_not_count(rest: str) -> None:
    assert Version(f"1.{rest}") == Version(f"01.{rest.upper()}")


def test_a_number_may_be_longer_than_python_likes_to_read() -> None:
    assert older("1." + "9" * 5000, "1.1" + "0" * 5000)
