"""Texts as labels of HTML, on the command line and over HTTP."""

import argparse
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import unquote

from markupsafe import Markup

CONFIGURATION = Path("/etc/labels/labels.toml")


def label(text):
    """The label of a text, in which nothing is HTML but the label itself."""
    return Markup("<label>{}</label>").format(text)


class Handler(BaseHTTPRequestHandler):
    """Answers each path with its label."""

    def do_GET(self):
        answer = label(unquote(self.path[1:])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def main():
    """The command `labels`."""
    parser = argparse.ArgumentParser(prog="labels", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help=f"answer over HTTP, as {CONFIGURATION} says")
    commands.add_parser("show", help="print one label").add_argument("text")
    arguments = parser.parse_args()
    if arguments.command == "show":
        print(label(arguments.text))
    else:
        port = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["port"]
        HTTPServer(("", port), Handler).serve_forever()
