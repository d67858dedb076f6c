"""Study `information_plane`: the information in kernels, and the IAK paper's assumption 1."""

from studies.framework.study import Study, Variant
from studies.information.information_plane_experiment import (
    CORRELATION_METRICS,
    CURVES,
    FINAL_METRICS,
    INFORMATION_SETTINGS,
    PLANE,
    information_plane_experiment,
)

_CORRELATIONS = (
    *("kl/fine/pooled", "kl/fine/within", "kl/fine/end"),
    *("kl/weights/within", "kl/own_scale/within", "kl/label/within"),
    *("distance/fine/pooled", "distance/fine/within", "distance/weights/within"),
)
KL_WEIGHTS = (0.0, 0.1, 1.0, 10.0, 100.0)
ALL = "all weights"

INFORMATION_PLANE = Study(
    name="information_plane",
    title="IAK, section 4: the information plane and assumption 1",
    question=(
        "Does a kernel hold the more information, the farther its encoder's weights are from the "
        "N(0, 1) they started from?\n\n"
        "That is assumption 1, the basis of the penalty: KL of the weights' moments from N(0, 1) "
        "stands in for I(G^;G). Kernels are trained with five weights of the penalty and measured "
        "at steps from 0 to the last, on test rows. I(G^;G) is that of the code observed with "
        "Gaussian noise of a tenth of the untrained codes' deviation, an upper bound that is exact "
        "for Gaussian codes, since without noise it is infinite; once more with noise of one "
        "deviation, with each column of the code at deviation 1, which no change of scale can "
        "raise. (Added after a first run, whose correlation without a penalty had the other sign: "
        "the same of what the weights alone let through, without biases and LeakyReLU, which KL "
        "does not see.) I(G^;T) is what a linear reader of the code predicts of clicks by users it "
        "was not fitted to, a lower bound.\n\n"
        "Expected. (1) An untrained encoder has a KL of 0 and yet fifty random views of the "
        "knowledge: most of I(G^;G) is there at the start, and so is a part of I(G^;T). KL can "
        "order changes of information at best. (2) Without a penalty, steps spread the weights, "
        "their variance grows, codes grow with it, and so does what survives a fixed noise: "
        "assumption 1 should hold within kernels, over steps and weights, with correlations above "
        "one half. (3) That is scale: with columns of deviation 1 the correlation should be weak "
        "or below 0, as training turns many views to few directions that clicks depend on. (4) At "
        "the end a heavier penalty should leave less KL, and less I(G^;G) with fixed noise. (5) "
        "I(G^;T) should rise with steps. (6) Two moments of thousands of weights cannot hold them "
        "where they were: with the heaviest penalty KL should be near 0 while weights have moved "
        "about as far as without, and AUC should hardly depend on the penalty.\n\n"
        "Intervals of the final kernels are over users, as elsewhere; those of correlations "
        "resample the eleven kernels instead. Kernels are as trained, without a trial."
    ),
    experiment=information_plane_experiment,
    settings=INFORMATION_SETTINGS,
    variants=(
        *(
            Variant(name=f"weight {weight:g}", settings={"kl_weights": [weight]})
            for weight in KL_WEIGHTS
        ),
        Variant(name=ALL, settings={"kl_weights": list(KL_WEIGHTS)}),
    ),
    metrics=FINAL_METRICS | {name: CORRELATION_METRICS[name] for name in _CORRELATIONS},
    seeds=(0, 1, 2),
    reference="weight 0",
    paper="Assumption 1 is stated, not measured.",
    curves=(*CURVES.values(), PLANE),
)
