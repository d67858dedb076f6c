"""Public tables by their name in flags and studies."""

from collections.abc import Mapping

from tfrec_mt.data.sources.tables.table import Table


def _numbered(name: str, last: int, first: int = 1) -> tuple[str, ...]:
    return tuple(f"{name}{number}" for number in range(first, last + 1))


# Li et al. 2020, Improving Multi-Scenario Learning to Rank in E-commerce by Exploiting Task
# Relationships in the Label Space: one folder of searches per country, divided by time. The meaning
# of the columns is not published; candidates of a search may differ in any of them.
ALI_EXPRESS = Table(
    files={"train": "AliExpress_*/train*.csv", "test": "AliExpress_*/test*.csv"},
    classes={"item": _numbered("categorical_", 16)},
    numbers={"item": _numbered("numerical_", 63)},
    click="click",
    conversion="conversion",
    user="search_id",
    request="search_id",
    folder_topic="country",
)

# Ma et al. 2018, Entire Space Multi-Task Model; columns are named by field number, with a D for a
# field's weights. Field 301 is the place of the recommendation.
_CCP_USER = ("101", "121", "122", "124", "125", "126", "127", "128", "129")
_CCP_USER_LISTS = ("109_14", "110_14", "127_14", "150_14")
_CCP_ITEM = ("205", "206", "207", "210", "216")
_CCP_PAIRS = ("508", "509", "702", "853")
_CCP_FIELDS = (*_CCP_USER, *_CCP_USER_LISTS, *_CCP_ITEM, *_CCP_PAIRS, "301")


def _fields(names: tuple[str, ...], kind: str = "f") -> tuple[str, ...]:
    return tuple(f"{kind}{name}" for name in names)


ALI_CCP = Table(
    files={
        "train": "ali_ccp_train*.csv",
        "validation": "ali_ccp_val*.csv",
        "test": "ali_ccp_test*.csv",
    },
    classes={"user": _fields(_CCP_USER + _CCP_USER_LISTS), "item": _fields(_CCP_ITEM + _CCP_PAIRS)},
    numbers={"user": _fields(_CCP_USER_LISTS, "D"), "item": _fields(_CCP_PAIRS, "D")},
    click="click",
    conversion="purchase",
    user="f101",
    item="f205",
    topics=("f301",),
    renamed=dict(zip(_fields(_CCP_FIELDS), _CCP_FIELDS, strict=True)),
)

# The census of 1994 and 1995 (UCI, KDD), a benchmark of Ma et al. 2018, Modeling Task Relationships
# in Multi-task Learning with Multi-gate Mixture-of-Experts. An income above 50,000 is the label;
# marriage, their other task, is not within it and stays a feature.
_CENSUS_NUMBERS = (
    "age, wage per hour, capital gains, capital losses, divdends from stocks, "
    "num persons worked for employer, weeks worked in year"
)
_CENSUS_CLASSES = (
    "class of worker, industry code, occupation code, education, enrolled in edu inst last wk, "
    "marital status, major industry code, major occupation code, race, hispanic origin, "
    "member of a labor union, reason for unemployment, full or part time employment stat, "
    "tax filer status, region of previous residence, state of previous residence, "
    "detailed household and family stat, detailed household summary in household, "
    "migration code-change in msa, migration code-change in reg, migration code-move within reg, "
    "live in this house 1 year ago, migration prev res in sunbelt, family members under 18, "
    "country of birth father, country of birth mother, country of birth self, citizenship, "
    "own business or self employed, fill inc questionnaire for veterans admin, veterans benefits, "
    "year"
)
_CENSUS_COLUMNS = f"{_CENSUS_CLASSES}, {_CENSUS_NUMBERS}"


def _identifiers(names: str) -> tuple[str, ...]:
    return tuple(names.replace(", ", ",").replace(" ", "_").replace("-", "_").split(","))


CENSUS_INCOME = Table(
    files={
        "train": "census_income_train*.csv",
        "validation": "census_income_val*.csv",
        "test": "census_income_test*.csv",
    },
    classes={"user": _identifiers(_CENSUS_CLASSES)},
    numbers={"user": _identifiers(_CENSUS_NUMBERS)},
    click="income",
    topics=("sex",),
    renamed=dict(zip(_identifiers(_CENSUS_COLUMNS), _CENSUS_COLUMNS.split(", "), strict=True)),
)

# Gao et al. 2022, KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed
# Videos, as Scenario-Wise Rec joins it. Columns known only after the click (such as watch time) are
# left out.
KUAI_RAND = Table(
    files={"all": "*kuairand*.csv"},
    classes={
        "user": (
            "user_id",
            "user_active_degree",
            "is_lowactive_period",
            "is_live_streamer",
            "is_video_author",
            "follow_user_num_range",
            "fans_user_num_range",
            "friend_user_num_range",
            "register_days_range",
            *_numbered("onehot_feat", 17, first=0),
        ),
        "item": ("video_id", "video_type", "visible_status"),
    },
    numbers={"item": ("duration_ms", "server_width", "server_height")},
    click="is_click",
    user="user_id",
    item="video_id",
    topics=("tab",),
)

TABLES: Mapping[str, Table] = {
    "ali_express": ALI_EXPRESS,
    "ali_ccp": ALI_CCP,
    "census_income": CENSUS_INCOME,
    "kuai_rand": KUAI_RAND,
}
