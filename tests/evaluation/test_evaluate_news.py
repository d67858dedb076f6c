"""A news model and its kernels against a slow evaluation, cell by cell."""

from pathlib import Path

import numpy as np
import pytest

from tests.news_jobs import NewsJob
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.evaluation.evaluation import METRICS_FILE, Evaluation
from tfrec_mt.evaluation.metric_row import read_rows
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.metrics.impression_metrics import impression_metrics
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.schema import DataError

FLOORS = {"recent_clicks", "section_rates"}


@pytest.fixture(scope="module")
def found(news_job: NewsJob, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    output = tmp_path_factory.mktemp("evaluation") / "out"
    config = EvaluateConfig(
        data=news_job.data, base=news_job.base, kernels=news_job.kernels, output=output
    )
    evaluation = run_evaluate(config)
    assert read_rows(output / METRICS_FILE) == evaluation.metrics
    with pytest.raises(FileExistsError, match="out exists"):
        run_evaluate(config)
    return evaluation


def _slow(job: NewsJob, topics: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """AUC of each impression with the kernels of some topics, and the impressions' domains."""
    dataset = NewsDataset(job.data)
    base = load_model(job.model)
    kernels = load_kernels(job.kernel_folder, fingerprint(base))
    model = AdaptedModel(base, [layer for layer in kernels if layer.topic in topics])
    scorer = NewsScorer(
        base, dataset, lambda plain, codes: model.adapt(plain, model.kernel_codes(codes))
    )
    batches = list(scan_impressions(dataset, "test", 10_000))
    assert len(batches) == 1 and batches[0].clicked is not None
    metrics = impression_metrics(batches[0].clicked, scorer(batches[0]), batches[0].offsets)
    return metrics["auc"], batches[0].domains


@pytest.mark.parametrize("topic", ["all", "section", "device"])
def test_kernels_act_alone_on_their_domains_and_together_on_all(
    news_job: NewsJob, found: Evaluation, topic: str
) -> None:
    auc, domains = _slow(news_job, ["section", "device"] if topic == "all" else [topic])
    plain, _ = _slow(news_job, [])
    spec = NewsDataset(news_job.data).schema
    names = ("all",) if topic == "all" else spec.topic(topic).domains
    rows = {(r.model, r.topic, r.domain, r.metric): r for r in found.metrics}
    for code, domain in enumerate(names, start=1):
        inside = domains[topic] == code if topic != "all" else np.ones(len(auc), bool)
        inside &= np.isfinite(auc)
        expected, base = auc[inside].mean(), plain[inside].mean()
        assert rows["adapted", topic, domain, "auc"].value == pytest.approx(expected, abs=1e-6)
        assert rows["zero_shot", topic, domain, "auc"].value == pytest.approx(base, abs=1e-6)
        lift = rows["adapted", topic, domain, "auc_lift"]
        assert lift.value == pytest.approx(expected - base, abs=1e-6)
        assert lift.reference == "zero_shot" and lift.ci_low is not None


def test_each_model_has_one_row_per_cell_and_metric(found: Evaluation) -> None:
    keys = [(r.model, r.topic, r.domain, r.metric, r.reference) for r in found.metrics]
    assert len(set(keys)) == len(keys)
    models = {"zero_shot", "adapted", "all_kernels", "random", "oracle"}
    assert {r.model for r in found.metrics} == models | FLOORS
    lifts = [r for r in found.metrics if r.metric == "mrr_lift" and r.domain == "mean"]
    assert {(r.model, r.topic) for r in lifts} >= {
        ("adapted", "all"),
        ("adapted", "section"),
        ("all_kernels", "device"),
    }
    assert {r.metric for r in found.metrics if not r.reference} == {
        "auc",
        "mrr",
        "ndcg@5",
        "ndcg@10",
    }


def test_without_kernels_there_is_no_lift(news_job: NewsJob) -> None:
    found = run_evaluate(EvaluateConfig(data=news_job.data, base=news_job.base))
    assert {r.model for r in found.metrics} == {"zero_shot", "random", "oracle"} | FLOORS
    assert not [r for r in found.metrics if r.metric.endswith("_lift")]
    assert found.roles.adapted == found.roles.zero_shot


def test_a_control_is_measured_too(news_job: NewsJob) -> None:
    found = run_evaluate(
        EvaluateConfig(data=news_job.data, base=news_job.base, control=news_job.base)
    )
    lifts = [r.value for r in found.metrics if r.model == "control" and r.metric == "auc_lift"]
    assert lifts and all(value in (0.0, None) for value in lifts)


def test_a_part_that_is_not_there_is_named(news_job: NewsJob, tmp_path: Path) -> None:
    config = EvaluateConfig(
        data=news_job.data, base=news_job.base, part="tset", output=tmp_path / "out"
    )
    with pytest.raises(DataError, match="did you mean 'test'"):
        run_evaluate(config)
    assert not (tmp_path / "out").exists()
