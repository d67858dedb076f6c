from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest

from tfrec_mt.tables.timestamps import seconds_from_text


def _seconds(*parts: int, hours_ahead: float = 0) -> int:
    zone = timezone(timedelta(hours=hours_ahead))
    return int(datetime(*parts, tzinfo=zone).timestamp())  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("874965758", 874965758),
        ("874965758.9", 874965758),
        ("-1.5", -2),
        ("2024-02-29", _seconds(2024, 2, 29)),
        ("2024-02-29 13:05", _seconds(2024, 2, 29, 13, 5)),
        ("2024-02-29T13:05:59", _seconds(2024, 2, 29, 13, 5, 59)),
        ("2024-02-29T13:05:59.999Z", _seconds(2024, 2, 29, 13, 5, 59)),
        ("2024-02-29T01:00:00+02:00", _seconds(2024, 2, 29, 1, hours_ahead=2)),
        ("2024-02-29T23:00:00-0530", _seconds(2024, 2, 29, 23, hours_ahead=-5.5)),
        ("1969-12-31T23:59:59.5Z", -1),
        ("2023-02-29", None),
        ("2024-01-01T24:00:00", None),
        ("2024-01-01T10:60:00", None),
        ("2024-01-01T10", None),
        ("01/02/2024", None),
        ("", None),
        ("nan", None),
    ],
)
def test_one_text(text: str, expected: int | None) -> None:
    assert seconds_from_text(pl.Series([text])).to_list() == [expected]


def test_forms_mix_in_one_column_and_null_stays_null() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    text = [now.isoformat(), str(int(now.timestamp())), None, now.strftime("%Y-%m-%dT%H:%M:%SZ")]
    second = int(now.timestamp())
    result = seconds_from_text(pl.Series(text))
    assert result.dtype == pl.Int64
    assert result.to_list() == [second, second, None, second]
