"""Study `encoding_width`: figure 2 of the IAK paper, the width of a kernel's code."""

from studies.framework.study import Study, Variant
from studies.takeout.takeout_experiment import (
    TAKEOUT_METRICS,
    takeout_experiment,
)
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS

WIDTHS = (10, 30, 50, 80, 100)
KL_WEIGHTS = (0.0, 0.1, 10.0)
_CONTINUED = "base continued"

ENCODING_WIDTH = Study(
    name="encoding_width",
    title="IAK, figure 2: the width d_e of a kernel's code, and the weight of its KL term",
    question=(
        "How much of the base's knowledge must a kernel keep, and does the term that pulls its "
        "encoder towards N(0, 1) help?\n\n"
        "Expected: the paper's curve, which rises with the width and flattens, as a narrow code "
        "loses what a domain needs and a wide one has nothing left to gain from a day of rows. The "
        "KL term is small compared with the cross-entropy, as encoder weights start at N(0, 1): no "
        "difference unless it is weighted tenfold. The control, the base itself continued on the "
        "kernels' rows in as many steps, says how much of a gain is fresher rows: expected below "
        "the narrowest code."
    ),
    paper="AUC grows with d_e, more and more slowly; 50 is recommended.",
    experiment=takeout_experiment,
    settings=TAKEOUT_SETTINGS,
    variants=(
        Variant(name="base alone", settings={"scores": "zero_shot"}),
        Variant(name=_CONTINUED, settings={"scores": "control"}),
        *(
            Variant(
                name=f"d_e {w}",
                settings={"adapter_settings": {"encoder_units": [w]}},
                control=_CONTINUED,
            )
            for w in WIDTHS
        ),
        *(
            Variant(name=f"KL weight {w:g}", settings={"kl_weight": w}, control=_CONTINUED)
            for w in KL_WEIGHTS
        ),
    ),
    metrics=TAKEOUT_METRICS,
    seeds=(0, 1, 2, 3, 4),
    reference="d_e 50",
)
