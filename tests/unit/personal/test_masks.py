"""What belongs to a person is masked in running text; an identifier of ours never is."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.ar import cuit
from stdnum.cl import rut
from stdnum.co import nit

from libs.personal.cards import is_card_number
from libs.personal.masks import without_personal
from libs.personal.numbers import is_clabe

DIGITS = st.text("0123456789", min_size=1, max_size=40)
AROUND = st.sampled_from(["", " ", "'", '"', "=", ": ", "(", "[", "\n", ", ", "ref "])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no user bruce@wayne.com here", "no user [e-mail] here"),
        ("email='bruce.w+1@mail.wayne.com.ar',", "email='[e-mail]',"),
        ("bruce%40wayne.com&x=1", "[e-mail]&x=1"),
        ("joão@exemplo.com.br", "[e-mail]"),
        ("call +54 9 11 5555-5555 now", "call [phone] now"),
        ("+5511912345678", "[phone]"),
        ("(11) 91234-5678", "[phone]"),
        ("CPF 123.456.789-09", "CPF [document]"),
        ("12345678909", "[document]"),
        ("CNPJ 11.222.333/0001-81", "CNPJ [document]"),
        ("11222333000181", "[document]"),
        ("CUIT 20-26756539-3", "CUIT [document]"),
        ("20267565393", "[document]"),
        ("RUT 12.345.678-5.", "RUT [document]."),
        ("12345678-5", "[document]"),
        ("NIT 830140299-6", "NIT [document]"),
        ("CURP BOXW310820HNERXN09", "CURP [document]"),
        ("RFC GODE561231GR8", "RFC [document]"),
        ("clabe 032180000118359719", "clabe [account]"),
        ("cbu 2850590940090418135201", "cbu [account]"),
        ("00190500954014481606906809350314337370000000100", "[barcode]"),
        ("00190.50095 40144.816069 06809.350314 3 37370000000100", "[barcode]"),
        ("8" * 44, "[barcode]"),
        (
            "00020126330014br.gov.bcb.pix0111123456789095204000053039865802BR5905Bruce6008BRASILIA62070503***63041D3D!",
            "[pix code]!",
        ),
        ("pan 4111 1111 1111 1111 ok", "pan 411111******1111 ok"),
        ("2 of 4111111111111111 4111111111111112", "2 of 411111******1111 4111111111111112"),
        ("12345 4111111111111111 678", "12345 411111******1111 678"),
    ],
)
def test_what_is_somebodys_is_masked(text: str, expected: str) -> None:
    assert without_personal(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "delivery 01900000-0000-7000-8000-000000000001",
        "5b6c2f0e-91d7-4a53-8a0c-6f1f2d3c4b5a paid",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "2026-01-15T12:00:00.123456Z",
        "5dyoqM7kH CHD-a1 000576127280 576127271",
        "checkout 200, 20 of 1500 in 12.345 s",
        "127.0.0.1:43369 10.20.30.40",
        "4111111111111112",
        "retail-20250701-abc123",
        "/srv/caudal/libs/bus/link.py:99 connect",
        "1234567-1",
        "41111111111111111111111",
        "0000000000000000",
        "a bare @ and 50% of it",
    ],
)
def test_what_is_ours_stays(text: str) -> None:
    assert without_personal(text) == text


@given(st.uuids(), AROUND, AROUND)
# between letters, with digits that pass for a card's
@example(uuid.UUID("8b0372e4-8544-7877-8257-5c7d735001f8"), "", "ref ")
def test_uuids_are_never_masked(identifier: uuid.UUID, before: str, after: str) -> None:
    text = f"{before}{identifier}{after}"
    assert without_personal(text) == text


@given(st.text("0123456789", min_size=12, max_size=18), AROUND, st.sampled_from(["", " ", "-"]))
def test_no_card_number_is_left(prefix: str, around: str, gap: str) -> None:
    digits = prefix + luhn.calc_check_digit(prefix)
    if digits.strip("0"):
        assert gap.join(digits) not in without_personal(f"{around}{gap.join(digits)}{around}")


@given(st.integers(1_000_000, 99_999_999), AROUND)
def test_no_document_is_left(number: int, around: str) -> None:
    eight = f"{number:08d}"
    for text in (
        f"{number}-{rut.calc_check_digit(str(number))}",
        f"830{eight[:6]}-{nit.calc_check_digit('830' + eight[:6])}",
        f"20{eight}{cuit.calc_check_digit('20' + eight)}",
    ):
        assert text not in without_personal(f"{around}{text}")


@given(
    st.from_regex(r"[a-z0-9.+_-]{1,20}@[a-z0-9]{1,10}(\.[a-z]{2,6}){1,2}", fullmatch=True), AROUND
)
def test_no_address_is_left(address: str, around: str) -> None:
    assert address not in without_personal(f"{around}{address}{around}")


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    found = without_personal(text)
    assert found == text or "[" in found or "*" in found


@given(st.lists(DIGITS, max_size=30), st.sampled_from([" ", "-", ".", ", "]))
def test_no_card_number_is_left_among_others(numbers: list[str], gap: str) -> None:
    found = re.split(r"[ .,-]+", without_personal(gap.join(numbers)))
    assert [each for each in found if is_card_number(each) and each.strip("0")] == []


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece", ["1 ", "1", "a.", "a%40", "000201", "+1 ", "(11) ", "1.", "A", "@", "0-"]
)
def test_long_texts_are_looked_through_in_time(piece: str) -> None:
    without_personal(piece * (200_000 // len(piece)))


def test_clabe_has_a_check_digit() -> None:
    assert is_clabe("032180000118359719")
    assert not is_clabe("032180000118359718")
    assert not is_clabe("03218000011835971")
