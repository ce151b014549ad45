"""A migration breaks no release that still runs, unless it says of which earlier one it is the end."""

from __future__ import annotations

import pytest

from tests.architecture.migrations import FIRST, contract_of, findings, revisions, statements_of

REVISIONS = revisions()
NEW = sorted(name for name in REVISIONS if name >= FIRST)
FINE = {
    "a table": ["create table mine (id bigint primary key, at timestamptz not null)"],
    "a table and its index": [
        "create table mine (id bigint primary key, at timestamptz)",
        "create index mine_at on mine (at)",
    ],
    "a column": ["alter table objects add column mine text"],
    "a column with a constant": [
        "alter table objects add column mine boolean not null default false"
    ],
    "a check that old rows need not pass": [
        "alter table objects add constraint mine check (amount > 0) not valid"
    ],
    "a function": [
        "create function mine() returns void language plpgsql as $$ begin drop table x; end $$"
    ],
    "an index without a lock": [
        "commit",
        "create index concurrently mine on objects (state)",
        "begin",
    ],
}
BREAKING = {
    "ban-drop-column": "alter table objects drop column fees",
    "ban-drop-table": "drop table swept",
    "renaming-column": "alter table objects rename column fees to costs",
    "renaming-table": "alter table swept rename to swept_again",
    "changing-column-type": "alter table outbox alter column sequence type bigint",
    "adding-required-field": "alter table objects add column mine text not null",
    "set-not-null": "alter table objects alter column merchant_ref set not null",
    "require-concurrent-index-creation": "create index mine on observations (received_at)",
    "disallowed-unique-constraint": "alter table parked add constraint mine unique (delivery_id)",
    "constraint-missing-not-valid": "alter table objects add constraint mine check (amount > 0)",
    "drop-of-what-is-called": "drop function make_partition(text, date)",
    "rename": "alter function make_partition(text, date) rename to make_day",
    "rewrites-rows": "update objects set held = false",
    "lock-table": "lock table objects in access exclusive mode",
    "hidden-in-a-block": "do $$ begin execute 'alter table objects drop column fees'; end $$",
    "syntax-error": "create table (",
}


@pytest.mark.parametrize("name", NEW)
def test_new_revision_breaks_nobody(name: str) -> None:
    module = REVISIONS[name]
    of = contract_of(module)
    found = findings(statements_of(module))
    if of is None:
        assert found == set(), f"{name} breaks the release before it (deploy/upgrades.md)"
    else:
        assert of in REVISIONS, f"{name} ends {of}, which there is not"
        assert of < name, f"{name} ends {of}, which comes later"


def test_revisions_are_one_line() -> None:
    """Two of one number, or with one before them, would be two heads."""
    before = [module.down_revision for module in REVISIONS.values()]
    assert sorted(filter(None, before)) == sorted(REVISIONS)[:-1]
    assert NEW[0] == FIRST


@pytest.mark.parametrize("statements", FINE.values(), ids=FINE.keys())
def test_expanding_is_allowed(statements: list[str]) -> None:
    assert findings(statements) == set()


@pytest.mark.parametrize(("name", "statement"), BREAKING.items(), ids=BREAKING.keys())
def test_breaking_is_found(name: str, statement: str) -> None:
    assert name in findings(["create table new (id bigint primary key)", statement])


def test_the_past_would_not_pass() -> None:
    """Revision 0011 dropped a constraint and made an index: the lint sees real statements."""
    assert findings(statements_of(REVISIONS["0011"]))
