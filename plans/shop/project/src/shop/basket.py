"""Baskets: how much of what, what it costs, and a quote that proves the price."""

import os
from collections.abc import Mapping
from decimal import Decimal

from itsdangerous import BadSignature, URLSafeSerializer

from shop.catalogue import Item


class UnknownItem(ValueError):
    """A basket holds what the shop does not sell."""


def total(items: Mapping[str, Item], basket: Mapping[str, int]) -> Decimal:
    """Adds up a basket."""
    amount = Decimal(0)
    for sku, count in basket.items():
        if sku not in items:
            raise UnknownItem(f"there is no {sku!r} in the catalogue")
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{count!r} of {sku!r} cannot be bought")
        amount += items[sku].price * count
    return amount


def sign(basket: Mapping[str, int], amount: Decimal) -> str:
    """Signs a basket and its price."""
    return _serializer().dumps({"basket": dict(basket), "total": str(amount)})


def verify(quote: str) -> dict | None:
    """Returns what was signed, or nothing where the signature is not the shop's."""
    try:
        return _serializer().loads(quote)
    except BadSignature:
        return None


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(os.environ.get("SHOP_SECRET", "for-development-only"), salt="quote")
