"""What a reader of a message raises when the bytes are not what they should be."""

from __future__ import annotations


class ContractError(ValueError):
    """The bytes are no message of this contract; the text says why and quotes nothing of them."""
