"""`ImpressionScoring`: news models on whole impressions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.news.impression_batch import ImpressionBatch
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.impression_evaluator import RANDOM, ImpressionEvaluator
from tfrec_mt.evaluation.news_floors import (
    RECENT_CLICKS,
    SECTION_RATES,
    RecentClicks,
    SectionRates,
)
from tfrec_mt.evaluation.scoring import ADAPTED, CONTROL, ZERO_SHOT, Scoring
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.news_scorer import Adapt, NewsScorer
from tfrec_mt.schema import DataError

SCAN_IMPRESSIONS = 1024


class ImpressionScoring(Scoring):
    """Scores every impression once with every model; each title is read once per base.

    Besides the models there are a random order, two floors (clicks of an article in the last hours,
    and rates of sections in the first part) and, where the truth is known, the oracle.

    Args:
      dataset: The news.
      base: The base.
      kernels: Kernels behind it.
      control: The base continued on the kernels' impressions, or None.
      part: Part to score.

    Raises:
      DataError: It is not known what was clicked in the part.
    """

    tasks = ("ctr",)
    unit = "impressions"
    baseline = RANDOM

    def __init__(
        self,
        dataset: NewsDataset,
        base: NewsRecommender,
        kernels: Sequence[DomainKernels] = (),
        control: NewsRecommender | None = None,
        part: str = "test",
    ) -> None:
        if dataset.part(part).clicked is None:
            raise DataError(f"part {part!r} of {dataset.path} has no clicks to measure against")
        topics = {topic.name: topic.domains for topic in dataset.schema.topics}
        super().__init__(part, topics, kernels, control is not None)
        self._dataset = dataset
        plain = NewsScorer(base, dataset)
        self._scorers = {ScoreKey(ZERO_SHOT): plain}
        if kernels:
            layers = {ScoreKey(ADAPTED): [*kernels]}
            layers |= {ScoreKey(ADAPTED, layer.topic): [layer] for layer in kernels}
            for key, of_key in layers.items():
                self._scorers[key] = plain.adapted(adapt_with(AdaptedModel(base, of_key)))
        if control:
            self._scorers[ScoreKey(CONTROL)] = NewsScorer(control, dataset)
        self._floors: dict[str, Callable[[ImpressionBatch], Any]] = {
            RECENT_CLICKS: RecentClicks(dataset)
        }
        before = dataset.parts[: dataset.parts.index(part)]
        labelled = [name for name in before if dataset.part(name).clicked is not None]
        if labelled:
            self._floors[SECTION_RATES] = SectionRates(dataset, labelled[0])
        models = [key.model for key in self.keys if key.topic is None]
        self.floors = dict.fromkeys(models, tuple(self._floors))
        self.keys += [ScoreKey(name) for name in self._floors]
        truth = dataset.part(part).truth is not None
        self._evaluator = ImpressionEvaluator(self.keys, topics, truth)

    def batches(self) -> Iterator[ImpressionBatch]:
        return scan_impressions(self._dataset, self.part, SCAN_IMPRESSIONS)

    def scores(self, batch: ImpressionBatch) -> dict[ScoreKey, Any]:
        scores = {key: scorer(batch) for key, scorer in self._scorers.items()}
        return scores | {ScoreKey(name): floor(batch) for name, floor in self._floors.items()}

    def count(self, scores: Mapping[ScoreKey, Any], batch: ImpressionBatch) -> None:
        assert batch.clicked is not None
        self._evaluator.add(
            scores, batch.clicked, batch.offsets, batch.user, batch.domains, batch.truth
        )

    def table(self) -> ImpressionEvaluator:
        return self._evaluator


def adapt_with(model: AdaptedModel) -> Adapt:
    """Returns the function that applies kernels to knowledge, for a `NewsScorer`."""

    def adapt(plain: Mapping[str, Any], domains: Mapping[str, Any]) -> Mapping[str, Any]:
        return model.adapt(plain, model.kernel_codes(domains), model.ids(domains))

    return adapt
