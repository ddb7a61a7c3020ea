"""`python -m geoglot` is the command `geoglot`."""

from geoglot.cli.main import main

main()
