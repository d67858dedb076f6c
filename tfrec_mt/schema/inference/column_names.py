"""What a column's name suggests about its content."""

import re
from collections.abc import Sequence

from tfrec_mt.schema.schema import HISTORY_PREFIX
from tfrec_mt.schema.usable_names import why_unusable

# Taken by the row number in the sample of requests.
_KEPT = ("row",)

_ID_WORDS = re.compile(
    "ids?|uid|iid|cid|code|zip|postcode|type|kind|cat|category|categories|categorical|class|group|"
    "segment|cluster|bucket|hash|key|brand|sku"
)
# Words that end in `id` but are no ids.
_NO_ID = ("bid", "paid", "grid", "valid", "raid")
_POSITION_WORDS = frozenset(("position", "pos", "rank", "slot"))
_PART_WORDS = frozenset(("fold", "split", "partition"))
_TIME_WORDS = frozenset(("time", "timestamp", "ts", "date", "datetime", "at", "unixtime"))

_USUAL = {
    "user": "user_id userid uid user customer_id customer visitor_id visitor member_id client_id "
    "account_id profile_id device_id session_id reviewer_id",
    "item": "item_id itemid iid item movie_id video_id product_id product article_id news_id "
    "ad_id adgroup_id offer_id content_id song_id track_id book_id sku asin goods_id",
    "tasks": "click clicked is_click clicks label purchase bought order converted conversion "
    "liked like visit",
    "time": "timestamp time ts time_stamp date datetime event_time created_at unixtime",
}


def words(name: str) -> list[str]:
    """The words of a name in lower case: `movieId2` and `movie_id_2` are movie, id."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.findall(r"[a-z]+", apart.lower())


def is_id_name(name: str) -> bool:
    """Whether whole numbers in a column of that name are likely ids or codes."""
    found = words(name)
    if not found:
        return False
    glued = len(found[-1]) > 3 and found[-1].endswith("id") and not found[-1].endswith(_NO_ID)
    return bool(_ID_WORDS.fullmatch(found[-1])) or glued


def is_position_name(name: str) -> bool:
    """Whether a column of that name may hold the place where an item was shown."""
    return bool(_POSITION_WORDS & set(words(name)))


def is_time_name(name: str) -> bool:
    """Whether whole numbers of that name may count seconds or milliseconds."""
    return bool(_TIME_WORDS & set(words(name)[-1:]))


def is_part_name(name: str) -> bool:
    """Whether a column of that name may divide rows into training and test."""
    return bool(_PART_WORDS & set(words(name)[-1:]))


def suggestion(role: str, columns: Sequence[str]) -> str | None:
    """The column whose name is usual for the role `"user"`, `"item"`, `"time"` or `"tasks"`.

    Example:
      >>> suggestion("user", ["uid", "iid", "clicked"])
      'uid'
    """
    plain = {re.sub(r"[^a-z]", "", column.lower()): column for column in reversed(columns)}
    usual = [name.replace("_", "") for name in _USUAL[role].split()]
    return next((plain[name] for name in usual if name in plain), None)


def unusable_name(name: str) -> str:
    """Why no feature or topic can have this name; empty text if one can."""
    if why := why_unusable(name):
        return why
    if name.startswith(HISTORY_PREFIX):
        return f"names starting with {HISTORY_PREFIX!r} are kept for history inputs"
    if name in _KEPT:
        return f"the name {name!r} is kept for what preparation stores"
    return ""
