"""Study `mtrec_curves`: how full fine-tuning and LoRA learn."""

from studies.framework.study import Study, Variant
from studies.news.mtrec_table1 import WHOLE
from studies.news.news_experiment import NEWS_METRICS, NEWS_SETTINGS, news_experiment

MTREC_CURVES = Study(
    name="mtrec_curves",
    title="MTRec, figure 3: training curves of full fine-tuning and of LoRA",
    question=(
        "How do the losses of the clicks and of the auxiliary tasks fall when training the whole "
        "BERT, and with LoRA?\n\n"
        "In the paper LoRA's loss is smoother, the auxiliary tasks converge more slowly, and the "
        "model is better in the end. Each dot of a curve is the mean over a fiftieth of the steps."
    ),
    experiment=news_experiment,
    settings=NEWS_SETTINGS,
    variants=(
        Variant(name="full fine-tuning", settings=WHOLE),
        Variant(name="LoRA"),
    ),
    metrics=NEWS_METRICS,
    seeds=(0,),
    reference="full fine-tuning",
    curves=("click", "category", "sentiment", "conflict_angle"),
)
