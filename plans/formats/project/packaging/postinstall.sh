# The folder is there for as long as the package is, whatever version it has.
mkdir -p /var/cache/labels
"$VENV/bin/labels" show "$NAME $VERSION" > /var/cache/labels/greeting.html
