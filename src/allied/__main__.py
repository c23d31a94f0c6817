"""`python -m allied`, for places where the `allied` command is not on the PATH."""

from allied.entrypoints.cli import main

if __name__ == "__main__":
    main()
