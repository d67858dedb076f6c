"""What a ranking model's kernels are measured on."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.jobs import Job
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.models.model_store import fingerprint, load_model


def test_domains_are_measured_with_their_topics_kernels_and_with_all(job: Job) -> None:
    dataset = PreparedDataset(job.data)
    base = load_model(job.model, dataset)
    layers = load_kernels(job.kernel_folder, fingerprint(base))
    models = {
        "zero_shot": AdaptedModel(base, []),
        "adapted": AdaptedModel(base, [layer for layer in layers if layer.topic == "scene"]),
        "all_kernels": AdaptedModel(base, layers),
    }
    batches = list(scan(dataset, "test", 1000))
    clicks, codes = (
        np.concatenate([of[name] for of in parts])
        for name, parts in (
            ("ctr", [batch.labels for batch in batches]),
            ("scene", [batch.features for batch in batches]),
        )
    )
    found = run_evaluate(EvaluateConfig(data=job.data, base=job.base, kernels=job.kernels))
    values = {
        (r.model, r.domain): r.value
        for r in found.metrics
        if (r.task, r.topic, r.metric) == ("ctr", "scene", "auc")
    }
    for name, model in models.items():
        scores = np.concatenate([model(batch.features)["ctr"].numpy()[:, 0] for batch in batches])
        for code, domain in enumerate(dataset.schema.topic("scene").domains, start=1):
            expected = roc_auc_score(clicks[codes == code], scores[codes == code])
            assert values[name, domain] == pytest.approx(expected, abs=5e-4)
    assert len({values[name, "homepage"] for name in models}) == 3
    lifted = {(r.model, r.topic) for r in found.metrics if r.metric == "auc_lift"}
    assert {("all_kernels", topic) for topic in ("scene", "period", "region")} <= lifted
