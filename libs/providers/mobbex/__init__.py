"""Mobbex (Argentina): checkout, operator and subscription webhooks. Kind of object: payment."""

from libs.providers.mobbex.provider import PROVIDER

__all__ = ["PROVIDER"]
