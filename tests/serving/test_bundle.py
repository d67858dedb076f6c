"""What lies beside an export for those who serve it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tests.serving.loopback import loopback
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.serving.bundle import MODEL_CARD, README, REQUEST, card, documents
from tfrec_mt.serving.versions import EXTRA, read_manifest, roll_back
from tfrec_mt.serving.warm_up import read_warm_up


@pytest.fixture(scope="module")
def version(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy."""
    folder = tmp_path_factory.mktemp("bundle") / "ranking"
    shutil.copytree(exported.parent, folder)
    return folder / "1"


def test_a_server_finds_its_configuration(version: Path) -> None:
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((version.parent / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("ranking", "/models/ranking")


def test_a_changed_configuration_is_left_alone(version: Path) -> None:
    path = version.parent / "models.config"
    mine = path.read_text() + "# mine\n"
    path.write_text(mine)
    (version.parent / "batching.config").unlink()
    again = roll_back(version.parent, int(version.name))
    assert path.read_text() == mine
    assert "max_batch_size" in (version.parent / "batching.config").read_text()
    assert f"ranking, version {again.name}\n" in (again / EXTRA / README).read_text()


def test_the_rest_request_is_the_first_warm_up_request(version: Path) -> None:
    request = json.loads((version / EXTRA / REQUEST).read_text())
    signature, tensors = read_warm_up(version / EXTRA)[0]
    assert request["signature_name"] == signature
    assert set(request["inputs"]) == set(tensors)
    for name, values in tensors.items():
        texts = values.astype(str) if values.dtype == object else values
        np.testing.assert_array_equal(np.array(request["inputs"][name], texts.dtype), texts)


@pytest.mark.slow
def test_the_readmes_grpc_request_works_as_written(version: Path) -> None:
    (program,) = re.findall("```python\n(.*?)```", (version / EXTRA / README).read_text(), re.S)
    with loopback("ranking", version.parent) as address:
        assert "127.0.0.1:8500" in program
        done = subprocess.run(
            [sys.executable, "-c", program.replace("127.0.0.1:8500", address)],
            capture_output=True,
            text=True,
            cwd=version.parent,
        )
    assert done.returncode == 0, done.stderr
    assert "'ctcvr': array(" in done.stdout and "'used_fallback'" in done.stdout


def test_the_readme_names_inputs_and_domains(version: Path) -> None:
    text = (version / EXTRA / README).read_text()
    assert "| input | `history_item_id`, may be left out | int64 | [None, None] |" in text
    assert "| input | `user_id` | int64 | [None] |" in text
    assert "| output | `ctr` | float32 | [None, None] |" in text
    for topic, domains in read_manifest(version)["kernels"].items():
        assert f"- `{topic}`: {', '.join(domains)}\n" in text


def test_the_model_card_tells_the_distance_to_a_control(version: Path) -> None:
    manifest = read_manifest(version)
    rows = [
        MetricRow(
            model="adapted",
            task="ctr",
            topic="all",
            domain="all",
            metric="auc_lift",
            value=-0.0123,
            n=5_000,
            ci_low=-0.02,
            ci_high=-0.004,
            reference=reference,
        )
        for reference in ("control", "zero_shot")
    ]
    base = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    told = card(base, {}, {"test": 9}, rows, what="Scores.", unit="rows", kernel_weights=3)
    text = documents("1", manifest | {"card": told})[MODEL_CARD]
    assert "| auc_lift over control | -0.0123 | -0.0200 to -0.0040 |" in text
    assert "The control is the base itself" in text and "over zero_shot" not in text
    assert "The control is" not in documents("1", manifest)[MODEL_CARD]


def test_the_model_card_counts_and_quotes(version: Path) -> None:
    text = (version / EXTRA / MODEL_CARD).read_text()
    assert "| adapted | ctr | region | north | auc | 0.7123 | 0.7000 to 0.7200 | 5,000 |" in text
    assert "| kernels | period: 3, region: 6, scene: 2 |" in text
    variables = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    shapes = variables.get_variable_to_shape_map()
    own = sum(np.prod(s[1:]) for n, s in shapes.items() if n.startswith("kernels/region/stacks"))
    assert f"| weights of a domain's kernel as served | {own:,.0f} |" in text
