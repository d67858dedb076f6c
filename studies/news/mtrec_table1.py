"""Study `mtrec_table1`: the contribution of each part of MTRec."""

from collections.abc import Mapping

from studies.framework.study import Settings, Study, Variant
from studies.news.news_experiment import NEWS_METRICS, NEWS_SETTINGS, news_experiment


def _published(auc: float, mrr: float | None, ndcg5: float, ndcg10: float) -> Mapping[str, float]:
    percent = {"auc": auc, "mrr": mrr, "ndcg@5": ndcg5, "ndcg@10": ndcg10}
    return {name: value / 100 for name, value in percent.items() if value is not None}


BASELINE = "BERT baseline"
# The whole BERT is trained, at the better of the rates 3e-4 and 1e-3.
WHOLE = {"lora_rank": 0, "learning_rate": 1e-3}


def table1_rows(whole: Settings) -> tuple[Variant, ...]:
    """The six rows of the paper's table, for a study whose default settings are those of "ours".

    Args:
      whole: Settings of rows that train the whole BERT.
    """
    return (
        Variant(
            name=BASELINE,
            settings={"auxiliary": [], **whole},
            published=_published(50.13, None, 20.64, 20.17),
        ),
        Variant(
            name="MTRec (OG)",
            settings={"auxiliary": ["category", "entities"], **whole},
            published=_published(50.49, 31.89, 35.21, 43.47),
        ),
        Variant(name="MTRec (ours)", published=_published(50.92, 32.21, 35.64, 43.97)),
        Variant(
            name="without LoRA", settings=whole, published=_published(50.57, 32.02, 35.41, 43.79)
        ),
        Variant(
            name="without category",
            settings={"auxiliary": ["sentiment"]},
            published=_published(50.23, 31.75, 35.09, 43.56),
        ),
        Variant(
            name="without sentiment",
            settings={"auxiliary": ["category"]},
            published=_published(50.35, 31.86, 35.13, 43.78),
        ),
    )


MTREC_TABLE1 = Study(
    name="mtrec_table1",
    title="MTRec, table 1: auxiliary tasks, gradient surgery and LoRA",
    question=(
        "Does a BERT news recommender rank better if it also predicts what clicked titles are "
        "about, with the gradients of these tasks kept from conflicting with the clicks', and is "
        "LoRA better than training the whole BERT?\n\n"
        "The rows are those of the paper's table 1, trained alike, with the best of a few rates "
        "for LoRA and for the whole BERT. The published figures are of EB-NeRD small, whose AUC "
        "hardly leaves 50; these are of a newsroom whose click probabilities are known "
        "(docs/newsroom.md), so only the order of rows can be compared. Readers there click by "
        "category, by desk (which has no label), by sentiment and by age, so auxiliary tasks "
        "should help where clicks are few, and recency should help most of the extras. Accuracies "
        "are those of the heads on unseen titles."
    ),
    experiment=news_experiment,
    settings=NEWS_SETTINGS,
    variants=(
        Variant(name="random", settings={"scores": "random"}),
        *table1_rows(WHOLE),
        Variant(name="LoRA alone", settings={"auxiliary": []}),
        Variant(name="with recency", settings={"recency": True}),
        Variant(name="with subtitle", settings={"text": "title_and_subtitle"}),
        Variant(
            name="NRMS (words)",
            settings={
                "title_encoder": "self_attention",
                "user_heads": 16,
                "auxiliary": [],
                "learning_rate": 1e-2,
            },
        ),
        Variant(name="oracle", settings={"scores": "oracle"}),
    ),
    metrics=NEWS_METRICS,
    seeds=(0, 1, 2),
    reference=BASELINE,
    best="oracle",
    worst="random",
)
