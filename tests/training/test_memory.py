"""Kernels with a memory: learned, kept, served, exchanged."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.jobs import TRAIN, Job
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import (
    KernelStoreError,
    kernel_path,
    load_kernels,
    read_kernel,
    write_kernel,
)
from tfrec_mt.adapters.memory_kernels import MemoryKernels
from tfrec_mt.configs import ScoreConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.data.vocabulary import IdTable
from tfrec_mt.errors import SchemaError
from tfrec_mt.jobs.score import run_score
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.load_saved_model import load_saved_model
from tfrec_mt.serving.requests import candidate_tensors, row_tensors
from tfrec_mt.serving.versions import answered
from tfrec_mt.training import learn_memory as learn_memory_module
from tfrec_mt.training.learn_memory import learn_memory
from tfrec_mt.training.memory_features import memory_features

SETTINGS = {"learning_rate": 0.02, "certainty": 0.0, **dataclasses.asdict(TRAIN)}


@pytest.fixture(scope="module", params=["iak", "iak, with slopes of users", "memory"])
def adapter(request: pytest.FixtureRequest) -> Iterator[str]:
    """Kernels that remember ids beside what they do with knowledge, and those that do no more."""
    kind, *slopes = request.param.split(", ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learn_memory_module, "_ROWS_OF_A_USER", 0 if slopes else np.inf)
        yield kind


@pytest.fixture(scope="module")
def run(adapter: str, job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job's kernels, with a memory."""
    run = tmp_path_factory.mktemp("memory") / "kernels"
    mt.fine_tune(job.base, job.data, run, adapter=adapter, memory=["auto"], **SETTINGS)
    return run


@pytest.fixture(scope="module")
def version(run: Path, job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mt.export(mt.load(run), tmp_path_factory.mktemp("memory") / "export")


def _probabilities(model: AdaptedModel, log: PreparedDataset) -> np.ndarray:
    return np.concatenate(
        [model(batch.features)["ctr"].numpy()[:, 0] for batch in scan(log, "test", 1000)]
    )


def test_kernels_are_those_without_a_memory(adapter: str, job: Job, run: Path) -> None:
    plain = {layer.topic: layer for layer in mt.load(job.kernels).kernels}
    for layer in mt.load(run).kernels:
        assert layer.memory is not None and len(layer.memory) > 0
        assert plain[layer.topic].memory is None
        weights = plain[layer.topic].weights if adapter == "iak" else []
        for one, other in zip(layer.weights, weights, strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_users_with_rows_enough_have_slopes(job: Job, run: Path) -> None:
    wanted, found = learn_memory_module._ROWS_OF_A_USER == 0, False
    for layer in mt.load(run).kernels:
        memory = layer.memory
        assert memory is not None
        assert (memory.features[-1] == "user_id") == bool(memory.axes) == wanted
        for keys, numbers in memory.domains if wanted else ():
            users = keys >> 32 == len(memory.features)
            slopes = numbers.reshape(len(keys), 2, memory.width // 2)[:, :, 1:]
            assert not slopes[~users].any()
            found |= bool(slopes[users].any())
    assert found == wanted


def test_users_change_nothing_of_other_ids(
    adapter: str, job: Job, run: Path, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "memory_axes": 0}
    plain = mt.fine_tune(job.base, job.data, tmp_path / "run", adapter=adapter, **settings)
    for layer, without in zip(mt.load(run).kernels, plain.kernels, strict=True):
        assert layer.memory is not None and without.memory is not None
        assert without.memory.width == len(without.memory.tasks)
        users = 1 + len(without.memory.features)
        step = layer.memory.width // len(layer.memory.tasks)
        for (keys, numbers), (others, offsets) in zip(
            layer.memory.domains, without.memory.domains, strict=True
        ):
            rest = keys >> 32 != users
            np.testing.assert_array_equal(keys[rest], others)
            np.testing.assert_array_equal(numbers[rest][:, ::step], offsets)


def test_users_come_last_wherever_they_are_named(adapter: str, job: Job, tmp_path: Path) -> None:
    model = mt.fine_tune(
        job.base,
        job.data,
        tmp_path / "run",
        adapter=adapter,
        **SETTINGS,
        memory=["user_id", "item_id"],
        topics=["region"],
    )
    (layer,) = model.kernels
    assert layer.memory is not None and layer.memory.features == ("item_id", "user_id")
    version = mt.export(model, tmp_path / "export")
    scored = run_score(
        ScoreConfig(export=version, data=job.data, base=job.base, kernels=tmp_path / "run")
    )
    assert scored.difference is not None and scored.difference < 1e-5


def test_slopes_go_on_along_their_axes(job: Job, run: Path, tmp_path: Path) -> None:
    later = mt.fine_tune(job.base, job.data, tmp_path / "on", continue_from=run)
    for now, before in zip(later.kernels, mt.load(run).kernels, strict=True):
        assert now.memory is not None and before.memory is not None
        assert now.memory.features == before.memory.features
        assert now.memory.axes.keys() == before.memory.axes.keys()
        for task, stacked in before.memory.axes.items():
            np.testing.assert_array_equal(now.memory.axes[task], stacked)


def test_a_memory_alone_takes_no_steps(job: Job, run: Path, tmp_path: Path, adapter: str) -> None:
    assert (run / "log.jsonl").is_file() == (adapter == "iak")
    if adapter == "memory":
        again = mt.fine_tune(job.base, job.data, tmp_path / "run", adapter="memory", certainty=0.0)
        for one, other in zip(again.kernels, mt.load(run).kernels, strict=True):
            assert one.memory is not None
            for values, expected in zip(one.memory.arrays(), other.memory.arrays(), strict=True):
                np.testing.assert_array_equal(values, expected)


def test_rows_of_no_domain_are_the_bases(job: Job, run: Path) -> None:
    model, log = mt.load(run), PreparedDataset(job.data)
    features = next(scan(log, "test", 100)).features
    nowhere = features | {topic.name: np.zeros(100, np.int32) for topic in log.schema.topics}
    np.testing.assert_array_equal(model(nowhere)["ctr"], model.base(nowhere)["ctr"])
    assert np.any(model(features)["ctr"] != AdaptedModel(model.base, [])(features)["ctr"])


def test_keras_saves_and_loads_it(job: Job, run: Path, tmp_path: Path) -> None:
    model, log = mt.load(run), PreparedDataset(job.data)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(_probabilities(again, log), _probabilities(model, log))


def test_it_is_evaluated_with_its_kernels(job: Job, run: Path) -> None:
    model, log = mt.load(run), PreparedDataset(job.data)
    labels = np.concatenate([batch.labels["ctr"] for batch in scan(log, "test", 1000)])
    scores = _probabilities(model, log).astype(np.float64)
    loss = -np.mean(np.where(labels == 1, np.log(scores), np.log1p(-scores)))
    rows = mt.evaluate(run, base=job.base).rows
    found = rows.filter(model="adapted", task="ctr", topic="all", metric="log_loss")["value"]
    assert found[0] == pytest.approx(loss, abs=2e-4)


def test_what_is_remembered_is_told_in_the_ids_of_the_log(
    job: Job, run: Path, tmp_path: Path
) -> None:
    log = PreparedDataset(job.data)
    found = mt.remembered(run).filter(topic="region", domain="region1", task="ctr")
    (layer,) = (layer for layer in mt.load(run).kernels if layer.topic == "region")
    code = layer.domains.index("region1") + 1
    items = found.filter(feature="item_id").drop_nulls("id")
    items = items.filter(~pl.col("id").str.starts_with("("))
    assert len(items) > 10 and layer.memory is not None
    table = IdTable.load(log.vocabularies, log.schema.vocabulary("item"))
    codes = table.encode(items["id"].cast(table.ids.dtype))
    none = {name: np.full(len(items), -1, np.int32) for name in layer.memory.features}
    none |= {name: np.zeros((len(items), 1), np.int32) for name in layer.memory.bags}
    domains = np.full(len(items), code, np.int32)
    nothing = {t: tf.zeros([len(items), w]) for t, w in layer.knowledge_widths.items()}
    alone, beside = (
        layer.memory.offsets(
            tf.constant(domains), {n: tf.constant(v) for n, v in ids.items()}, nothing
        )
        for ids in ({**none, "item_id": codes}, none)
    )
    np.testing.assert_allclose(
        items["offset"], (alone["ctr"] - beside["ctr"])[:, 0], rtol=1e-4, atol=1e-5
    )
    few = mt.evaluate(run, output=tmp_path / "evaluation").remembered
    few = few.filter(topic="region", domain="region1", task="ctr")
    assert few.rows() == [*found.rows()[:5], *found.rows()[-5:]]
    page = (tmp_path / "evaluation" / "report.html").read_text(encoding="utf-8")
    assert "What domains remember" in page
    with pytest.raises(SchemaError, match="most=0: expected at least 1"):
        mt.remembered(run, most=0)


def test_kernels_without_a_memory_tell_nothing(job: Job) -> None:
    assert mt.remembered(job.kernels).is_empty()


def test_an_export_scores_as_the_model_in_memory(job: Job, version: Path, run: Path) -> None:
    scored = run_score(ScoreConfig(export=version, data=job.data, base=job.base, kernels=run))
    assert scored.difference is not None and scored.difference < 1e-5


def test_items_of_a_request_score_as_rows_do(job: Job, version: Path) -> None:
    signatures = load_saved_model(version).signatures
    items = {feature.name for feature in PreparedDataset(job.data).schema.side("item")}
    specs = dict(signatures["serving_default"].structured_input_signature[1])
    rows = row_tensors(PreparedDataset(job.data).requests().head(40), specs)
    request = candidate_tensors(rows, items, 40)
    of_items = answered("score_candidates", signatures["score_candidates"], request)["ctr"][0]
    # the user and domains of the request, with each of its items
    same = {
        name: values if name in items else values[:1].repeat(40, axis=0)
        for name, values in rows.items()
    }
    alone = answered("serving_default", signatures["serving_default"], same)["ctr"]
    np.testing.assert_allclose(of_items, alone, atol=1e-6)


@pytest.mark.slow
def test_a_domain_takes_its_memory_with_it(job: Job, version: Path, run: Path) -> None:
    rows = PreparedDataset(job.data).requests().drop("row").head(256)
    served = mt.load_export(version)
    first = served.score(rows)
    gone = rows["region"][0]
    without = exchange_kernels(ExchangeConfig(output=version.parent, remove=[("region", gone)]))
    second = mt.load_export(without).score(rows)
    stay = (rows["region"] != gone).to_numpy()
    np.testing.assert_array_equal(first["ctr"].to_numpy()[stay], second["ctr"].to_numpy()[stay])
    nowhere = rows.with_columns(
        pl.when(pl.col("region") == gone)
        .then(pl.lit("nowhere"))
        .otherwise("region")
        .alias("region")
    )
    expected = served.score(nowhere)
    np.testing.assert_array_equal(expected["ctr"], second["ctr"])
    kernel = kernel_path(run / "kernels", "region", gone)
    again = exchange_kernels(ExchangeConfig(output=version.parent, add=[kernel]))
    np.testing.assert_array_equal(mt.load_export(again).score(rows)["ctr"], first["ctr"])


def test_a_domain_without_slopes_may_join_others(
    job: Job, version: Path, run: Path, tmp_path: Path
) -> None:
    rows = PreparedDataset(job.data).requests().drop("row").head(256)
    first = mt.load_export(version).score(rows)["ctr"].to_numpy()
    settings = {**SETTINGS, "memory_axes": 0, "topics": ["region"]}
    adapter = "iak" if (run / "log.jsonl").is_file() else "memory"
    mt.fine_tune(job.base, job.data, tmp_path / "run", adapter=adapter, **settings)
    copy = tmp_path / "export" / "1"
    shutil.copytree(version, copy)
    mt.add_kernels(copy.parent, tmp_path / "run", ["region/region1"], replace=True)
    second = mt.load_export(copy.parent).score(rows)["ctr"].to_numpy()
    mine = (rows["region"] == "region1").to_numpy()
    np.testing.assert_array_equal(first[~mine], second[~mine])
    if learn_memory_module._ROWS_OF_A_USER == 0:
        assert (first[mine] != second[mine]).any()


@pytest.mark.slow
def test_a_memory_that_came_to_nothing_is_served_too(job: Job, tmp_path: Path) -> None:
    never = {**SETTINGS, "certainty": 1e9}
    model = mt.fine_tune(job.base, job.data, tmp_path / "run", adapter="memory", **never)
    assert [len(layer.memory or ()) for layer in model.kernels] == [0, 0, 0]
    mt.export(model, tmp_path / "export")
    mt.remove_kernels(tmp_path / "export", ["region/region1"])
    mt.add_kernels(tmp_path / "export", tmp_path / "run", ["region/region1"])
    rows = PreparedDataset(job.data).requests().drop("row").head(64)
    plain = mt.export(mt.load(job.base), tmp_path / "plain")
    found, expected = (mt.load_export(x).score(rows) for x in (tmp_path / "export", plain))
    np.testing.assert_array_equal(found["ctr"], expected["ctr"])


def test_a_kernel_of_another_memory_does_not_come(job: Job, version: Path) -> None:
    plain = kernel_path(job.kernel_folder, "region", "region1")
    with pytest.raises(ValueError, match=r"remembers nothing; train it with the same `memory`"):
        exchange_kernels(
            ExchangeConfig(output=version.parent, remove=[("region", "region1")], add=[plain])
        )


def test_kept_knowledge_brings_the_features_along(
    adapter: str, job: Job, run: Path, tmp_path: Path
) -> None:
    model = mt.fine_tune(
        job.base,
        job.data,
        tmp_path / "kept",
        adapter=adapter,
        memory=["auto"],
        knowledge=tmp_path / "knowledge",
        **SETTINGS,
    )
    for layer, plain in zip(model.kernels, mt.load(run).kernels, strict=True):
        assert layer.memory is not None and plain.memory is not None
        assert len(layer.memory) == pytest.approx(len(plain.memory), rel=0.2)


def test_a_damaged_memory_is_refused(run: Path, tmp_path: Path) -> None:
    path = kernel_path(tmp_path, "region", "region1")
    path.parent.mkdir(parents=True)
    path.write_bytes(kernel_path(run / "kernels", "region", "region1").read_bytes())
    description, weights = read_kernel(path)
    weights["memory_keys"] = weights["memory_keys"][::-1].copy()
    path.unlink()
    write_kernel(path, description, weights)
    with pytest.raises(KernelStoreError, match="ascending"):
        load_kernels(tmp_path, description["base_fingerprint"])


def test_without_features_domains_remember_themselves(job: Job) -> None:
    log, base = PreparedDataset(job.data), mt.load(job.base)
    topic = log.schema.topic("region")
    layer = MemoryKernels(topic.name, topic.domains, base.knowledge_widths)
    model = AdaptedModel(base, [layer])
    learn_memory(model, lambda: scan(log, "fresh", 1000), {}, joint=True, certainty=0.0)
    assert layer.memory is not None and len(layer.memory) > 0
    batch = next(scan(log, "test", 200))
    added = layer.memory.offsets(batch.features["region"], batch.features, {})["ctr"].numpy()[:, 0]
    for code, own in enumerate(layer.memory.domains, start=1):
        expected = own.offsets[:, 0].sum()
        np.testing.assert_array_equal(added[batch.features["region"] == code], expected)


def test_only_ids_that_a_request_brings_can_be_remembered(job: Job) -> None:
    schema = PreparedDataset(job.data).schema
    assert "item_id" in memory_features(schema, ["auto"])
    assert "user_id" not in memory_features(schema, ["auto"])
    assert [*memory_features(schema, ["user_id"])] == ["user_id"]
    for name in ("position", "itemid"):
        with pytest.raises(SchemaError, match=f"memory: '{name}' is no feature"):
            memory_features(schema, [name])
