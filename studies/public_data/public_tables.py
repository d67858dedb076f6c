"""Studies `ali_express`, `ali_ccp`, `census_income` and `kuai_rand`, on your copy of the data."""

from collections.abc import Iterator, Mapping, Sequence

from studies.framework.study import Settings, Study, Variant
from studies.public_data.public_data_experiment import public_data_experiment
from studies.public_data.public_data_runs import PUBLIC_SETTINGS
from tfrec_mt.data.sources.tables import TABLES

_MODELS = {"SB": "shared_bottom", "MMoE": "mmoe", "PLE": "ple", "OLR": "olr", "STAR": "star"}
_ORDERS = {"ESMM": "esmm"}  # models orders through clicks, so the log needs orders
_GIVEN = {"split": "given"}
# kernels learn from rows that their base has not seen; no data set comes with such a part
_FRESH = {"split": "random", "split_parts": "train:6,fresh:2,validation:1,test:1"}
_METRICS = {"auc": "AUC", "log_loss": "log loss", "calibration": "predicted over observed"}
_COUNTRIES = ("NL", "ES", "FR", "US")
Published = Mapping[str, Mapping[str, float]]


def _variants(topic: str, orders: bool, published: Published) -> Iterator[Variant]:
    for name, model in (_MODELS | (_ORDERS if orders else {})).items():
        yield Variant(name=name, settings={"model": model}, published=published.get(name, {}))
    base = {**_FRESH, "model": "olr", "base_topics": []}
    kernels = {"scores": "adapted", "kernel_topics": [topic]}
    alone = "rows at random, base without domains"
    yield Variant(name=alone, settings=base, reference=alone)
    control = f"{alone}: continued"
    yield Variant(name=control, settings={**base, "scores": "control"}, reference=alone)
    yield Variant(
        name=f"{alone}: kernels",
        settings={**base, **kernels},
        reference=alone,
        control=control,
        case=f"domains of {topic}, base without domains",
    )


def _study(
    name: str,
    title: str,
    topic: str,
    settings: Settings,
    published: Published,
    paper: str = "",
    domains: Sequence[str] = (),
) -> Study:
    orders = TABLES[name].conversion is not None
    what = {"ctr": "clicks", **({"ctcvr": "clicks and orders"} if orders else {})}
    return Study(
        name=name,
        title=title,
        question=(
            "How do models that see the domains perform on this data, and what do kernels add to a "
            "base that does not? Expected: models within a few thousandths of each other and of "
            "published figures; kernels add more, the less other features reveal the domain."
        ),
        paper=paper,
        experiment=public_data_experiment,
        settings={**PUBLIC_SETTINGS, "dataset": name, "base_topics": [topic], **settings},
        variants=tuple(_variants(topic, orders, published)),
        metrics={
            **{
                f"{name}/{task}/{metric}": f"{called} of {of}, all rows"
                for task, of in what.items()
                for metric, called in _METRICS.items()
            },
            **{
                f"{name}/{task}/auc/{domain}": f"AUC of {of}, {domain}"
                for task, of in what.items()
                for domain in domains
            },
        },
        seeds=(0, 1, 2),
        reference="SB",
    )


def _of_countries(task: str, figures: Sequence[float]) -> dict[str, float]:
    return {
        f"ali_express/{task}/auc/{country}": figure
        for country, figure in zip(_COUNTRIES, figures, strict=True)
    }


_ALI_EXPRESS = {
    "MMoE": _of_countries("ctr", (0.7234, 0.7285, 0.7216, 0.7043))
    | _of_countries("ctcvr", (0.8606, 0.8898, 0.8811, 0.8758)),
    "PLE": _of_countries("ctr", (0.7292, 0.7273, 0.7276, 0.7138))
    | _of_countries("ctcvr", (0.8591, 0.8913, 0.8805, 0.8675)),
    "ESMM": _of_countries("ctr", (0.7202, 0.7263, 0.7218, 0.7035))
    | _of_countries("ctcvr", (0.8606, 0.8891, 0.8748, 0.8712)),
}
_ALI_CCP = {
    model: {"ali_ccp/ctr/auc": click, "ali_ccp/ctcvr/auc": order}
    for model, click, order in (
        ("MMoE", 0.5870, 0.6330),
        ("ESMM", 0.5975, 0.6363),
        ("PLE", 0.5874, 0.6159),
    )
}
_STOP_EARLY = {**_GIVEN, "split_parts": "train:1,validation:1,test:1"}
_ONE_PASS = {"epochs": 1, "patience": 0, "rate_schedule": "linear"}

ALI_EXPRESS = _study(
    "ali_express",
    "AliExpress: searches of four countries",
    "country",
    {**_GIVEN, "split_parts": "train:1,test:1", **_ONE_PASS, "batch_size": 2048},
    _ALI_EXPRESS,
    "Figures of MTReclib (MMoE, PLE) and of NoahRSChallenge (ESMM), each model trained on one "
    "country alone; here one model learns all.",
    _COUNTRIES,
)
ALI_CCP = _study(
    "ali_ccp",
    "Ali-CCP: clicks and purchases by place of the recommendation",
    "f301",
    {**_STOP_EARLY, **_ONE_PASS},
    _ALI_CCP,
    "Figures of EasyRec's benchmark page.",
)
CENSUS_INCOME = _study(
    "census_income",
    "Census income: who earns more than 50,000, by sex",
    "sex",
    {**_STOP_EARLY, "embedding_width": 4, "units": [64, 32], "batch_size": 1024},
    {},
)
KUAI_RAND = _study(
    "kuai_rand",
    "KuaiRand: clicks on videos by the page they are shown on",
    "tab",
    {"split": "random"},
    {},
)
