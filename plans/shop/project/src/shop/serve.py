"""``shop-serve``: the shop over HTTP."""

import click
import waitress

from shop import __version__
from shop.web import create_app


@click.command()
@click.version_option(__version__, prog_name="shop-serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on.")
def main(host: str, port: int) -> None:
    """Serve the shop over HTTP."""
    waitress.serve(create_app(), host=host, port=port)
