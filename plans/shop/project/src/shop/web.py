"""The shop over HTTP, as a WSGI application."""

from flask import Flask, abort, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from shop import __version__, basket, catalogue
from shop.money import display


def create_app() -> Flask:
    """Makes the application."""
    app = Flask(__name__)
    items = catalogue.load()
    app.jinja_env.filters["money"] = display

    @app.get("/")
    def page():
        return render_template("index.html", items=items.values(), version=__version__)

    @app.get("/health")
    def health():
        return jsonify(status="ok", version=__version__)

    @app.get("/items")
    def listing():
        return jsonify(
            {
                item.sku: {"name": item.name, "price": str(item.price), "since": item.since.isoformat()}
                for item in items.values()
            }
        )

    @app.post("/quote")
    def quote():
        wanted = request.get_json()
        if not isinstance(wanted, dict):
            abort(400, "a basket is an object of counts by item")
        try:
            amount = basket.total(items, wanted)
        except ValueError as error:
            abort(400, str(error))
        return jsonify(total=str(amount), display=display(amount), quote=basket.sign(wanted, amount))

    @app.get("/quote/<text>")
    def check(text: str):
        signed = basket.verify(text)
        if signed is None:
            abort(404, "the shop did not make this quote")
        return jsonify(signed)

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException):
        return jsonify(error=error.description), error.code

    return app
