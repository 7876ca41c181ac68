"""`python -m monitor.cli` is `motcua`."""

from monitor.cli import main

if __name__ == "__main__":
    main()
