"""`python -m services.cli`."""

from services.cli.main import main

if __name__ == "__main__":  # and not in the processes that a command starts
    main()
