"""Study `case_study`: section 7.8 and figure 4 of the IAK paper, items shown by region."""

from studies.ab_test.ab_test import CONTINUED, KERNELS
from studies.ab_test.ab_test_experiment import (
    AB_TEST_SETTINGS,
    HOT,
    HOT_BEFORE,
    HOT_REGION,
    HOT_SPECIALITY,
    ORACLE,
    ab_test_experiment,
)
from studies.ab_test.takeout_impressions import CUISINE_DISTANCE, KINDS, WHATS
from studies.framework.study import Study, Variant
from tfrec_mt.data.sources.takeout.domains import REGION

_CALLED = {"speciality": "local specialities", "signature": "the region's signature cuisine"}
_DISTANCE = "impressions of another cuisine than the truth would show, percent"

CASE_STUDY = Study(
    name="case_study",
    title="IAK, 7.8 and figure 4: what kernels show in which region",
    question=(
        "Do kernels show each region what the region likes?\n\n"
        "Lists are made as in study ab_test, but of 200 candidates, a tenth of a region's menu, so "
        "that what is shown most is a ranker's choice, not an accident of recall. The study counts "
        "impressions of local specialities (items of local shops, sold in one region) and of the "
        "region's signature cuisine, for residents and for visitors, and how far the cuisines "
        "shown in a region are from those that the truth would show there. The share is of the way "
        "from the base to the truth.\n\n"
        "Expected: signature cuisines gain much with region's kernels, as they are most of what a "
        "region adds to appeal and the base does not see the region; the mix of cuisines comes "
        "nearer to the truth's with every topic's kernels, most with all, above all if they are "
        "trained jointly. Specialities gain less: the base knows them by their items' ids already, "
        "and what a region and day add to them is small. Visitors like specialities more than "
        "residents, but no ranker knows who is one (only the truth does), so kernels show visitors "
        "hardly more than residents, whereas the truth does. Among the dozen items that are shown "
        "most in "
        f"{HOT_REGION}, specialities are more frequent than one in twenty, with or without "
        "kernels.\n\n"
        "The control, the base itself continued on the kernels' day in as many steps, sees no "
        "region either: expected to show the base's mix, with items that sold well that day. A "
        "memory of a region's items and cuisines says what its rows show of them beyond what base "
        "and kernels expect. As a speciality is sold in one region alone, what the region adds to "
        "it is in its id: expected at least the base's share of specialities, and a mix of "
        "cuisines nearer to the truth's than that of kernels alone."
    ),
    paper=(
        "Of the eleven items shown most in region 4 with kernels, five are of the region's own "
        "cuisine; there are no figures without kernels."
    ),
    experiment=ab_test_experiment,
    settings={**AB_TEST_SETTINGS, "candidates": 200},
    variants=(
        Variant(name="ZS-OLR", settings={"scores": "zero_shot"}),
        Variant(name=CONTINUED, settings={"scores": "control"}),
        *(
            Variant(name=f"OLR+IAK, {name}", settings=settings, control=CONTINUED)
            for name, settings in KERNELS.items()
        ),
        Variant(name="OLR+IAK, region", settings={"active_topics": ["region"]}, control=CONTINUED),
        Variant(name="popularity", settings={"scores": "popularity"}),
        Variant(name="truth", settings={"scores": ORACLE}),
    ),
    metrics={
        **{
            f"{what}/{kind}": f"impressions of {_CALLED[what]}, {kind}, percent, mean over regions"
            for what in WHATS
            for kind in KINDS
        },
        CUISINE_DISTANCE: f"{_DISTANCE}, mean over regions",
        **{
            f"{what}/{region}/{kind}": f"impressions of {_CALLED[what]}, {region}, {kind}, percent"
            for region in REGION.domains
            for what in WHATS
            for kind in KINDS
        },
        **{f"{CUISINE_DISTANCE}/{region}": f"{_DISTANCE}, {region}" for region in REGION.domains},
    },
    seeds=(0, 1, 2, 3, 4),
    reference="ZS-OLR",
    best="truth",
    worst="ZS-OLR",
    curves=(HOT, HOT_BEFORE, HOT_SPECIALITY),
)
