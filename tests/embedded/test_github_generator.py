"""Organisations of any size: always the same, good for the embedded GitHub, and as varied as real ones."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from jenkins_bootstrap.embedded.github import Store
from jenkins_bootstrap.embedded.github.generator import ODD_NAMES, generate, main
from jenkins_bootstrap.embedded.github.organisation import read_organisation
from jenkins_bootstrap.embedded.github.query import answer
from jenkins_bootstrap.github.listing import QUERY


def test_the_same_numbers_give_the_same_file_on_every_python(tmp_path: Path) -> None:
    main(["500", str(tmp_path / "one.json"), "--seed", "7"])
    text = (tmp_path / "one.json").read_bytes()
    assert hashlib.sha256(text).hexdigest() == "b00bf46797ca04638513cc08120ac7eb29951dc232e956d5e75fa288e203203b"
    main(["500", str(tmp_path / "two.json"), "--seed", "8"])
    assert (tmp_path / "two.json").read_bytes() != text


def test_thousands_of_repositories_are_good_and_of_every_kind(tmp_path: Path) -> None:
    main(["3000", str(tmp_path / "many.json"), "--owner", "acme", "--owner", "other"])
    records = read_organisation(tmp_path / "many.json")
    assert len(records) == len({r.id for r in records}) == 3000
    assert {r.name.lower() for r in records} >= {name.lower() for name in ODD_NAMES}
    shares = {
        name: sum(bool(getattr(r, name)) for r in records) / len(records)
        for name in (
            "archived",
            "fork",
            "private",
            "internal",
            "empty",
            "has_jenkinsfile",
            "topics",
            "files",
            "language",
        )
    }
    assert all(0.005 < share < 0.995 for share in shares.values()), shares
    assert {r.visibility for r in records} == {"public", "private", "internal"}
    assert any(not r.description.isascii() for r in records if r.description)
    assert [r.created_at for r in records] == sorted(r.created_at for r in records)


def test_a_listing_costs_a_call_and_a_point_for_a_hundred(tmp_path: Path) -> None:
    (tmp_path / "some.json").write_text(json.dumps(generate(950)))
    store = Store.load(tmp_path / "some.json", tmp_path / "state")
    token = store.tokens["not-a-real-token"]
    spent: list[int] = []

    def spend(points: int) -> tuple[int, int]:
        spent.append(points)
        return sum(spent), 3600

    variables: dict[str, Any] = {"owner": "acme", "first": 100, "jenkinsfile": "HEAD:Jenkinsfile"}
    variables |= {"override": "HEAD:.jenkins.yml", "overrides": True}
    seen: list[str] = []
    while True:
        found = answer(store, token, "http://127.0.0.1", {"query": QUERY, "variables": variables}, spend)
        page = found["data"]["repositoryOwner"]["repositories"]
        seen += [node["name"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        variables["after"] = page["pageInfo"]["endCursor"]
    assert len(set(seen)) == 950
    assert spent == [1] * math.ceil(950 / 100)
