# What the package made itself goes with it; a purge comes after a removal and finds it gone.
rm -rf /var/cache/labels
