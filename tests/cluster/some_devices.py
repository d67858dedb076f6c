"""A small run on several devices of one process.

`python -m tests.cluster.some_devices DATA RUN DEVICES`; the number of devices is settled when
TensorFlow is first used.
"""

import sys

import tensorflow as tf

import tfrec_mt as mt


def train(data: str, run: str, devices: int) -> None:
    """Pretrains a model on so many logical devices."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * devices
    )
    strategy = tf.distribute.MirroredStrategy([f"CPU:{place}" for place in range(devices)])
    with strategy.scope():
        mt.pretrain(data, run, parts="train", optimizer="adagrad_decay", dropout=0.0, batch_size=64)


if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], int(sys.argv[3]))
