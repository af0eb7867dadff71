"""`python -m stillwatch`: the command, where its script is not on PATH."""

from stillwatch.cli.main import run

if __name__ == "__main__":
    run()
