"""A listing that was killed is gone on with, and is whole or begun anew."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.embedded.github import Fault
from jenkins_bootstrap.github.errors import IncompleteListing, NotFound, QueryTooLarge

GRAPHQL = "/api/graphql"


class Killed(BaseException):
    """What ends a process in the middle, as far as a listing can tell."""


def kill_after(served: Any, pages: int, state: Path, **options: Any) -> None:
    """List, and be killed once so many pages have been taken."""
    taken = 0
    say = served.said.append

    def tell(words: str) -> None:
        nonlocal taken
        say(words)
        taken += words.endswith("repositories")
        if taken > pages:
            raise Killed

    served.said.append, before = tell, say  # type: ignore[method-assign]
    try:
        with pytest.raises(Killed):
            served.list(state=state, **options)
    finally:
        served.said.append = before  # type: ignore[method-assign]


@pytest.fixture
def killed(acme: Any, tmp_path: Path) -> Any:
    """One that was killed with two of three pages kept; its file is `acme.file`."""
    acme.said = Said()
    acme.folder = tmp_path / "lists"
    kill_after(acme, 2, acme.folder)
    acme.file = acme.folder / "listing-acme.jsonl"
    acme.store.requests.clear()
    return acme


class Said(list):  # type: ignore[type-arg]
    """A list whose append can be replaced."""


def test_a_killed_listing_is_gone_on_with_by_the_next_one(killed: Any) -> None:
    assert len(killed.file.read_bytes().splitlines()) == 3
    assert len(killed.list(state=killed.folder)) == 250
    assert killed.calls == 1
    assert "acme: going on after 200 of 250 repositories" in killed.said
    assert not killed.file.exists()


def test_what_is_kept_is_for_its_user_alone(killed: Any) -> None:
    assert killed.file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("seconds", [901, -1])
def test_pages_that_are_old_or_of_the_future_are_not_used(killed: Any, seconds: int) -> None:
    killed.now += seconds
    assert len(killed.list(state=killed.folder)) == 250
    assert killed.calls == 3


def test_pages_of_another_question_are_not_used(killed: Any) -> None:
    assert len(killed.list(state=killed.folder, override_file=".jenkins.yml")) == 250
    assert killed.calls == 3


@pytest.mark.parametrize("cut", [1, 700, 5000])
def test_a_page_that_was_written_in_part_is_asked_for_again(killed: Any, cut: int) -> None:
    killed.file.write_bytes(killed.file.read_bytes()[:-cut])
    assert len(killed.list(state=killed.folder)) == 250
    assert killed.calls == 2


@pytest.mark.parametrize("content", [b"", b"\x00\xff\n", b"[]\n", b"{}\n", b'{"asked": 1}\n', b"nothing"])
def test_a_file_that_is_none_of_ours_begins_a_listing(killed: Any, content: bytes) -> None:
    killed.file.write_bytes(content)
    assert len(killed.list(state=killed.folder)) == 250
    assert killed.calls == 3


def test_a_page_that_no_github_gave_begins_a_listing_anew(killed: Any) -> None:
    lines = killed.file.read_bytes().splitlines(keepends=True)
    killed.file.write_bytes(lines[0] + b'{"repositoryOwner": {"login": "acme"}}\n')
    assert len(killed.list(state=killed.folder)) == 250
    assert killed.calls == 3


def test_a_repository_deleted_meanwhile_begins_it_anew(killed: Any) -> None:
    killed.store.delete(killed.store.find("acme", "app-007"))
    found = killed.list(state=killed.folder)
    assert len(found) == 249
    assert "app-007" not in {r.name for r in found}
    assert "acme: GitHub counts 249 repositories but gave 250; listing it anew" in killed.said


def test_one_deleted_and_one_made_meanwhile_do_not_make_up_for_each_other(killed: Any) -> None:
    killed.store.delete(killed.store.find("acme", "app-007"))
    killed.store.create("acme", "brand-new")
    found = {r.name for r in killed.list(state=killed.folder)}
    assert len(found) == 250
    assert "app-007" not in found


def test_a_name_that_another_repository_took_meanwhile_begins_it_anew(killed: Any) -> None:
    old = [json.loads(line) for line in killed.file.read_bytes().splitlines()[1:]]
    read = old[0]["repositoryOwner"]["repositories"]["nodes"][0]["name"]
    kept = {node["name"] for page in old for node in page["repositoryOwner"]["repositories"]["nodes"]}
    unread = next(r for r in killed.store.of_owner("acme") if r.name not in kept)
    killed.store.change(killed.store.find("acme", read), name="moved-away")
    killed.store.change(unread, name=read)
    found = killed.list(state=killed.folder)
    assert len({r.name for r in found}) == len(found) == 250
    assert killed.calls == 1 + 3


def test_a_repository_that_came_in_among_the_old_ones_is_listed_at_the_second_go(acme: Any) -> None:
    def meanwhile(data: Any) -> Any:
        acme.store.create("acme", "transferred-in").created_at = "2001-01-01T00:00:00Z"
        acme.store.remembered.clear()
        return data

    acme.store.faults.append(Fault(alter=meanwhile))
    assert "transferred-in" in {r.name for r in acme.list()}
    assert acme.calls == 6


def test_a_listing_that_does_not_come_out_even_at_the_second_go_is_an_error(killed: Any) -> None:
    def end(data: Any) -> Any:
        data["data"]["repositoryOwner"]["repositories"]["pageInfo"]["hasNextPage"] = False
        return data

    killed.store.faults.append(Fault(alter=end, times=1000))
    killed.store.delete(killed.store.find("acme", "app-007"))
    with pytest.raises(IncompleteListing, match="counts 249 repositories but gave 100"):
        killed.list(state=killed.folder)
    assert killed.calls == 2
    assert not killed.file.exists()


def test_an_owner_that_is_gone_meanwhile_is_not_found(killed: Any) -> None:
    killed.store.faults.append(Fault(alter=lambda _data: {"data": {"repositoryOwner": None}}))
    with pytest.raises(NotFound):
        killed.list(state=killed.folder)


def test_a_second_process_lists_by_itself_while_the_first_has_the_file(killed: Any) -> None:
    before = killed.file.read_bytes()
    with killed.file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert len(killed.list(state=killed.folder)) == 250
    assert killed.calls == 3
    assert killed.file.read_bytes() == before


def test_a_folder_that_cannot_be_written_keeps_nobody_from_listing(acme: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert len(acme.list(state=tmp_path / "file" / "below")) == 250


def test_nothing_of_the_sign_in_is_kept(killed: Any) -> None:
    assert b"not-a-real" not in killed.file.read_bytes()


def test_pages_are_halved_when_a_query_takes_too_much_of_github(acme: Any) -> None:
    error = {"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded."}
    acme.store.faults.append(Fault(200, {}, {"data": {"repositoryOwner": None}, "errors": [error]}))
    assert len(acme.list()) == 250
    assert acme.calls == 6
    acme.store.faults.append(Fault(200, {}, {"data": {}, "errors": [error]}, times=1000))
    with pytest.raises(QueryTooLarge, match="Resource limits"):
        acme.list()
