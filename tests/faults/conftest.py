"""What several fault tests stand in."""

from pathlib import Path

import pytest

from tests.faults.watched import SECRET


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a file that nobody may read or change."""
    (tmp_path / SECRET).write_text("7\n")
    return tmp_path
