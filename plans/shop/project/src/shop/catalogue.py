"""The catalogue: what the shop sells, read from a TOML file."""

import os
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import tomli_w
from dateutil.parser import isoparse


@dataclass(frozen=True)
class Item:
    """One thing that the shop sells."""

    sku: str
    name: str
    price: Decimal
    since: date


def parse(text: str) -> dict[str, Item]:
    """Reads a catalogue; items are in the order of their SKU."""
    tables = tomllib.loads(text).get("items", {})
    return {
        sku: Item(sku, table["name"], Decimal(table["price"]), isoparse(table["since"]).date())
        for sku, table in sorted(tables.items())
    }


def render(items: dict[str, Item]) -> str:
    """Writes a catalogue in the form that `parse` reads."""
    tables = {
        item.sku: {"name": item.name, "price": str(item.price), "since": item.since.isoformat()}
        for item in items.values()
    }
    return tomli_w.dumps({"items": tables})


def load() -> dict[str, Item]:
    """Reads the catalogue that ``SHOP_CATALOGUE`` names, or the one in the package."""
    named = os.environ.get("SHOP_CATALOGUE")
    if named:
        return parse(Path(named).read_text(encoding="utf-8"))
    return parse(files("shop").joinpath("catalogue.toml").read_text(encoding="utf-8"))
