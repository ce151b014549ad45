"""An unguarded dataclass is the frozen one, but for the guard."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature

import pytest

from libs.domain.frozen import unguarded


@dataclass(frozen=True, slots=True)
class Guarded:
    a: int
    b: str = "b"
    c: list[int] = field(default_factory=list)
    d: int = field(default=4, kw_only=True)


@unguarded
@dataclass(frozen=True, slots=True)
class Unguarded:
    a: int
    b: str = "b"
    c: list[int] = field(default_factory=list)
    d: int = field(default=4, kw_only=True)


def test_it_takes_the_same_arguments() -> None:
    assert signature(Unguarded) == signature(Guarded)
    with pytest.raises(TypeError, match=r"__init__\(\) missing 1 required .*'a'"):
        Unguarded()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Unguarded(1, "b", [], 4)  # type: ignore[call-arg]


def test_it_has_the_same_values() -> None:
    for arguments in ({"a": 1}, {"a": 1, "b": "x", "c": [1], "d": 2}):
        one, other = Guarded(**arguments), Unguarded(**arguments)
        assert [getattr(one, each.name) for each in fields(one)] == [
            getattr(other, each.name) for each in fields(other)
        ]
        assert repr(one) == repr(other).replace("Unguarded", "Guarded")
    assert Unguarded(1).c is not Unguarded(1).c


def test_equality_hash_and_copies_are_as_they_were() -> None:
    value = Unguarded(1, "x")
    assert value == Unguarded(1, "x") != Unguarded(2, "x")
    assert replace(value, a=2) == Unguarded(2, "x")
    assert copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own
    assert not hasattr(value, "__dict__")
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(value)


def test_only_the_guard_is_gone() -> None:
    with pytest.raises(FrozenInstanceError):
        Guarded(1).a = 2  # type: ignore[misc]
    value = Unguarded(1)
    value.a = 2  # type: ignore[misc]
    assert value.a == 2
    with pytest.raises(AttributeError):
        value.e = 1  # type: ignore[attr-defined]
