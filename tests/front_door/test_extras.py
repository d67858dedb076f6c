"""What a plain install lacks is named when it is needed."""

import sys

import pytest

from tfrec_mt.extras import MissingExtraError, require


def test_what_is_installed_is_imported() -> None:
    assert require("matplotlib.ticker", extra="reports") is sys.modules["matplotlib.ticker"]


def test_what_is_missing_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = r"^expected matplotlib, .*: pip install 'tfrec-mt\[reports\]' brings it$"
    with pytest.raises(MissingExtraError, match=message):
        require("matplotlib", extra="reports")
