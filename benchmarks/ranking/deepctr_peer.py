"""DeepCTR's MMOE without sequences, trained by `fit`, as a contender.

DeepCTR is written for Keras 2, so the process needs TF_USE_LEGACY_KERAS=1.
"""

import sys
from importlib.metadata import version

import tensorflow as tf
from deepctr.feature_column import SparseFeat
from deepctr.models import MMOE

from benchmarks.ranking.world import FEATURES, UNITS, World
from benchmarks.support.contest import settings_of_process
from benchmarks.support.fit import serve_fit

RATE, WIDTH, EXPERTS = 0.005, 8, 2


def main() -> None:
    """Trains on request."""
    world = World(**settings_of_process(sys.argv))
    tf.keras.utils.set_random_seed(0)
    columns = [
        SparseFeat(
            f"{side}_{i}",
            vocabulary_size=world.table_rows // 2,
            embedding_dim=WIDTH,
            embedding_name=side,
        )
        for side in ("user", "item")
        for i in range(FEATURES)
    ]
    model = MMOE(
        columns,
        num_experts=EXPERTS,
        expert_dnn_hidden_units=UNITS,
        tower_dnn_hidden_units=(),
        gate_dnn_hidden_units=(),
        l2_reg_embedding=0,
    )
    optimizer = tf.keras.optimizers.legacy.Adagrad(RATE, initial_accumulator_value=0.1)
    model.compile(optimizer, ["binary_crossentropy"] * 2)
    features, labels = world.arrays()
    data = tf.data.Dataset.from_tensor_slices((features, (labels["ctr"], labels["ctcvr"]))).cache()
    serve_fit({"deepctr": version("deepctr")}, model, data)


if __name__ == "__main__":
    main()
