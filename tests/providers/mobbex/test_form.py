"""Bracket keys become the values that JSON would have had, or the form is refused."""

from __future__ import annotations

import pytest

from libs.providers.mobbex.form import read_brackets
from libs.providers.reading import NotReadableError


def test_brackets_become_nested_objects() -> None:
    read = read_brackets(b"type=checkout&data[payment][status][code]=200&data[result]=true")

    assert read == {
        "type": "checkout",
        "data": {"payment": {"status": {"code": "200"}}, "result": "true"},
    }


def test_encoded_brackets_read_alike() -> None:
    assert read_brackets(b"data%5Bpayment%5D%5Bid%5D=a+b%2Bc") == {
        "data": {"payment": {"id": "a b+c"}}
    }


def test_indices_become_a_list() -> None:
    assert read_brackets(b"a[1][uid]=y&a[0][uid]=x") == {"a": [{"uid": "x"}, {"uid": "y"}]}


@pytest.mark.parametrize("raw", [b"a[1]=x&a[2]=y", b"a[00]=x&a[1]=y", b"a[0]=x&a[b]=y"])
def test_other_keys_stay_an_object(raw: bytes) -> None:
    assert isinstance(read_brackets(raw)["a"], dict)


def test_empty_brackets_append_values() -> None:
    assert read_brackets(b"a[][b]=1&a[][c]=2&x[]=3") == {"a": [{"b": "1"}, {"c": "2"}], "x": ["3"]}


def test_equal_sign_stays_in_value() -> None:
    assert read_brackets(b"a[b]=c=d") == {"a": {"b": "c=d"}}


@pytest.mark.parametrize(
    "raw",
    [
        b"a=1&a[b]=2",
        b"a[b]=2&a=1",
        b"a[b]=1&a[b][c]=2",
        b"a[b][c]=1&a[b]=2",
        b"a[1]=x&a[]=y",
        b"a[b]=1&a%5Bb%5D=2",
        b"a[b=1",
        b"a]b=1",
        b"a[b]c=1",
        b"a[b[c]]=1",
        b"[b]=1",
        b"=1",
        b"a" + b"[b]" * 32 + b"=1",
        b"&".join(b"k%d=1" % n for n in range(2_001)),
    ],
)
def test_ambiguous_forms_are_refused(raw: bytes) -> None:
    with pytest.raises(NotReadableError):
        read_brackets(raw)
