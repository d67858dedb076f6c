"""Study `carried`: kernels that outlive their base."""

from studies.daily.carried_experiment import (
    CARRIED,
    CARRIED_METRICS,
    CARRIED_SETTINGS,
    OTHER_UNITS,
    TRAINED,
    UNITS,
    carried_experiment,
)
from studies.framework.study import Study, Variant


def _rows(told: str, units: list[int]) -> tuple[Variant, ...]:
    base = f"base trained anew{told}"
    own = {"units": units, "kernels": TRAINED}
    variants = [Variant(name=base, settings={"units": units})]
    for memory, without in ((True, ""), (False, " without memory")):
        settings = {**own, "memory": memory}
        variants += [
            Variant(
                name=f"{base}, its own kernels{without}",
                settings=settings,
                reference=base,
            ),
            Variant(
                name=f"{base}, kernels carried to it{without}",
                settings={**settings, "kernels": CARRIED},
                reference=base,
            ),
        ]
    return tuple(variants)


CARRIED_STUDY = Study(
    name="carried",
    title="Kernels that outlive their base",
    question=(
        "A base is trained anew on the same six days, from other random weights. Kernels that "
        "were trained on the seventh day behind the base before it are carried over by "
        "`carry_kernels`: a linear map from the new base's knowledge to the earlier one's, fitted "
        "on 32,768 rows of that day without labels. How much is left, on the eighth day, of what "
        "kernels bring that are trained behind the new base on the same day?\n\n"
        "Expected: at least 70%, in a tenth of the time. Knowledge is mostly embeddings, which two "
        "trainings place differently but by the same likings, so that one is nearly linear in the "
        "other; what kernels remember of ids goes on as it is. A base of another width loses no "
        "more, as the map takes any width."
    ),
    experiment=carried_experiment,
    settings=CARRIED_SETTINGS,
    variants=(*_rows("", UNITS), *_rows(" with another width", OTHER_UNITS)),
    metrics=CARRIED_METRICS,
    seeds=(0, 1, 2, 3, 4),
    reference="base trained anew",
)
