"""``shop``: the shop on the command line."""

import click
import requests
from rich.console import Console
from rich.table import Table

from shop import __version__, basket, catalogue
from shop.money import display


@click.group()
@click.version_option(__version__, prog_name="shop")
def main() -> None:
    """A small shop."""


@main.command("list")
def list_items() -> None:
    """List the catalogue."""
    table = Table("item", "name", "since")
    table.add_column("price", justify="right")
    for item in catalogue.load().values():
        table.add_row(item.sku, item.name, item.since.isoformat(), display(item.price))
    Console().print(table)


@main.command()
@click.argument("wanted", metavar="ITEM=COUNT...", nargs=-1, required=True)
def quote(wanted: tuple[str, ...]) -> None:
    """Quote a basket."""
    counts = {}
    for word in wanted:
        sku, _, count = word.partition("=")
        if count and not count.isdecimal():
            raise click.BadParameter(f"{word!r} is not ITEM=COUNT")
        counts[sku] = int(count or 1)
    try:
        amount = basket.total(catalogue.load(), counts)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(display(amount))
    click.echo(basket.sign(counts, amount))


@main.command()
def export() -> None:
    """Write the catalogue as TOML."""
    click.echo(catalogue.render(catalogue.load()), nl=False)


@main.command()
@click.argument("url")
def ping(url: str) -> None:
    """Ask a running shop how it is."""
    try:
        answer = requests.get(f"{url.rstrip('/')}/health", timeout=5)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{answer.json()['status']}, version {answer.json()['version']}")
