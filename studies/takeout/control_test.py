"""Study `control_test`: figure 1 of the IAK paper, kernels behind every base and of every kind."""

from studies.framework.study import Study, Variant
from studies.takeout.budget import equal_budget
from studies.takeout.full_fine_tuning import FULL
from studies.takeout.takeout_experiment import (
    TAKEOUT_METRICS,
    TOPIC_METRICS,
    takeout_experiment,
)
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS, WITH_MEMORY
from tfrec_mt.adapters.knowledge_view import seen_widths

MODELS = {
    "SB": "shared_bottom",
    "ESMM": "esmm",
    "MMoE": "mmoe",
    "PLE": "ple",
    "OLR": "olr",
}
# Other adapters behind OLR, with as many trained weights as its IAK kernels have.
ADAPTERS = {
    "bottleneck": "bottleneck",
    "LoRA": "lora",
    "shared LoRA": "shared_lora",
    "last layer": "last_layer",
    "gate": "gate",
    "HAMUR": "hamur",
    "memory": "memory",
}
# OLR's widths with this study's settings: 64 of a task's mixture, 112 of embeddings and interests.
OLR_WIDTHS = {"ctr": 176, "ctcvr": 176}
DOMAINS = (2, 3, 6)  # of scene, period and region


def _cases(name: str, model: str) -> tuple[Variant, ...]:
    control = f"{name}, continued"
    return (
        Variant(name=name, settings={"scores": "zero_shot", "model": model}),
        Variant(name=control, settings={"scores": "control", "model": model}, reference=name),
        Variant(name=f"{name}+IAK", settings={"model": model}, reference=name, control=control),
        Variant(
            name=f"{name}+IAK with memory",
            settings={"model": model, **WITH_MEMORY},
            reference=name,
            control=control,
        ),
    )


def _adapter(name: str, adapter: str) -> Variant:
    settings = {
        "adapter": adapter,
        "adapter_settings": equal_budget(
            adapter, OLR_WIDTHS, DOMAINS, seen_widths=seen_widths(OLR_WIDTHS)
        ),
    }
    return Variant(name=f"OLR+{name}", settings=settings, reference="OLR", control="OLR, continued")


CONTROL_TEST = Study(
    name="control_test",
    title="IAK, figure 1: kernels behind every base, and other adapters behind one",
    question=(
        "Do kernels improve any base, or only the one that they were designed for? And does the "
        "kind of kernel matter?\n\n"
        "Each base is trained on six days without knowing a topic; its kernels see the seventh and "
        "are compared with it on the eighth. Expected: a gain behind each, of similar size, as "
        "what kernels add is what no base here knows; and the larger, the more the base's "
        "knowledge holds that its own last layer has no use for (OLR's has all embedded "
        "features).\n\n"
        "Behind OLR, all adapters have as many trained weights as its IAK kernels, except a last "
        "layer per domain, which has a hundredth of them, and a memory, which has none. All but "
        "the memory change what OLR's last layer reads. Expected: a bottleneck equals IAK, as "
        "the KL term is small where encoders start at N(0, 1); LoRA equals a last layer of its "
        "own per domain, as the logit is linear in knowledge and either changes it by one "
        "vector; both have most of IAK's gain, as domains differ in what is liked, which is "
        "nearly linear in what knowledge holds of an item; a shared LoRA has what the seventh "
        "day adds for all domains alike, a tenth of the gain; a gate has less, as it can only "
        "weigh what the base already uses; and HAMUR, whose domains share most weights, has "
        "IAK's gain or slightly more in small domains, as a day gives them few rows. (Rates were "
        "chosen in worlds that no study uses: one for all, and the gate's and the last layer's "
        "own.) A memory alone adds to logits what a domain's rows say of an item, a shop or a "
        "cuisine: expected above IAK, which cannot learn what a day says of one of them. A copy "
        "of the whole base for each domain, trained on its rows alone, can change everything, "
        "but has no more rows than a kernel: expected below kernels in small domains. The "
        "control of kernels is their base itself, continued on the same rows in as many steps, "
        "at a rate that is chosen on held-out users: what it gains is the day, not the domains. "
        "Kernels with memory also remember what the day says of each id in each domain, which no "
        "base's knowledge holds: expected a further gain of similar size behind each base, and "
        "more than another kind of kernel has over IAK."
    ),
    experiment=takeout_experiment,
    settings=TAKEOUT_SETTINGS,
    variants=(
        *(variant for name, model in MODELS.items() for variant in _cases(name, model)),
        *(_adapter(name, adapter) for name, adapter in ADAPTERS.items()),
        Variant(
            name="OLR, a copy per domain",
            settings={"scores": FULL},
            reference="OLR",
            control="OLR, continued",
        ),
    ),
    metrics={**TAKEOUT_METRICS, **TOPIC_METRICS},
    seeds=(0, 1, 2, 3, 4),
    reference="OLR",
)
