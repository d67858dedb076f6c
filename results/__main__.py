"""Renders the pages of `docs/results` again: `python -m results`."""

from results.result import render

if __name__ == "__main__":
    render()
