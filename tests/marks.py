"""Marks of single cases."""

import pytest


def slow(*values):
    """A case that `pytest -m slow` runs, beside others that always run."""
    return pytest.param(*values, marks=pytest.mark.slow)
