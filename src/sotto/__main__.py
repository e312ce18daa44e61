"""`python -m sotto`, which launchers of several processes want."""

from sotto.app.cli import main

main()
