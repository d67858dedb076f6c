"""Study `new_domain`: kernels for a domain that has few rows or none."""

from studies.daily.new_domain_experiment import (
    BORROWED,
    EQUAL,
    NEW_DOMAIN_METRICS,
    NEW_DOMAIN_SETTINGS,
    SCRATCH,
    new_domain_experiment,
)
from studies.framework.study import Study, Variant

_COUNTS = (1_000, 10_000)

NEW_DOMAIN = Study(
    name="new_domain",
    title="A new domain: kernels of donors against kernels from scratch",
    question=(
        "On the seventh day region 4 is new: five other regions have kernels that are trained on "
        "that day, it has no row, its first 1,000 rows, or its first 10,000. Its kernel is "
        "borrowed from the others or trained from scratch on its rows, and measured on its rows of "
        "the eighth day. By default donors are used only where they are certain to help; named "
        "donors are used in equal parts while there are no rows.\n\n"
        "Expected: the base without rows, as regions of this world are contrasts that cancel: what "
        "all others have in common is little, and is not what the new one likes. So named donors "
        "harm. With rows, donors' shares are learned, but five kernels span few of the directions "
        "in which a sixth region may differ: a small gain with 1,000 rows, which are too few for a "
        "kernel from scratch, and far less than from scratch with 10,000. No kernel is below the "
        "base by more than its interval, but for named donors."
    ),
    experiment=new_domain_experiment,
    settings=NEW_DOMAIN_SETTINGS,
    variants=(
        Variant(name="base"),
        Variant(name="donors, no rows", settings={"kernel": BORROWED}),
        Variant(name="named donors, no rows", settings={"kernel": EQUAL}),
        *(
            Variant(
                name=f"{who}, {count:,} rows", settings={"kernel": kind, "rows_of_domain": count}
            )
            for count in _COUNTS
            for who, kind in (("donors", BORROWED), ("from scratch", SCRATCH))
        ),
    ),
    metrics=NEW_DOMAIN_METRICS,
    seeds=(0, 1, 2, 3, 4),
    reference="base",
)
