from typing import Any

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tests.news_batches import PIECES, random_news
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.packed_bert import POOLINGS, Pooling
from tfrec_mt.schema import SchemaError

TOKENS = random_news().tokens


def encoder(**settings: Any) -> BertTitleEncoder:
    return BertTitleEncoder(PIECES, max_sequence_length=16, **settings)


def randomise_lora(layer: BertTitleEncoder) -> None:
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        if "lora_kernel" in weight.path:
            weight.assign(rng.normal(size=weight.shape, scale=0.3))


def plain(layer: BertTitleEncoder, tokens: Any) -> Any:
    """keras_hub's own way, padding and all."""
    vectors = pooled(layer, tokens)
    return vectors if layer.projection is None else layer.projection(vectors)


def pooled(layer: BertTitleEncoder, tokens: Any) -> Any:
    inputs = {
        "token_ids": tokens,
        "segment_ids": tf.zeros_like(tokens),
        "padding_mask": tf.cast(tokens > 0, tf.int32),
    }
    hidden = layer.backbone(inputs)["sequence_output"]
    if layer.pooling == "cls":
        return hidden[:, 0]
    if layer.attention is not None:
        return layer.attention(hidden, tokens > 0)
    mask = tf.cast(tokens > 0, tf.float32)[..., tf.newaxis]
    return tf.reduce_sum(hidden * mask, axis=1) / tf.reduce_sum(mask, axis=1)


@pytest.mark.parametrize("hidden_dim", [32, 128])  # the wider one is compiled
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("lora_rank", [0, 3])
def test_vectors_and_gradients_equal_those_of_the_whole_bert(
    lora_rank: int, pooling: Pooling, hidden_dim: int
) -> None:
    keras.utils.set_random_seed(0)
    layer = encoder(
        lora_rank=lora_rank,
        lora_alpha=2.0,
        pooling=pooling,
        hidden_dim=hidden_dim,
        title_width=8 if pooling == "attention" else None,
    )
    randomise_lora(layer)
    tokens = tf.constant(TOKENS)
    weights = [w.value for w in layer.trainable_weights]
    upstream = np.random.default_rng(1).normal(size=(len(TOKENS), layer.width))
    results = []
    for packed in (True, False):
        with tf.GradientTape() as tape:
            vectors = layer(tokens, training=True) if packed else plain(layer, tokens)
            total = tf.reduce_sum(vectors * upstream.astype(np.float32))
        results.append((vectors, tape.gradient(total, weights)))
    (got, slopes), (expected, wanted) = results
    # sums of four times as many products are less exact
    np.testing.assert_allclose(got, expected, atol=2e-6 if hidden_dim == 32 else 5e-6)
    for weight, slope, other in zip(layer.trainable_weights, slopes, wanted, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(slope),
            tf.convert_to_tensor(other),
            rtol=1e-4,
            atol=5e-5,
            err_msg=weight.path,
        )


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a BERT of three layers."""
    folder = tmp_path_factory.mktemp("preset") / "bert"
    encoder(num_layers=3).backbone.save_to_preset(str(folder))
    return str(folder)


@pytest.mark.parametrize("lora_rank", [0, 3])
def test_a_preset_brings_its_weights(preset: str, lora_rank: int) -> None:
    layer = BertTitleEncoder.from_preset(preset, lora_rank=lora_rank)
    whole = encoder(num_layers=3)
    source = keras_hub.models.BertBackbone.from_preset(preset)
    whole.backbone.set_weights(source.get_weights())
    expected = plain(whole, tf.constant(TOKENS))
    np.testing.assert_allclose(layer(TOKENS), expected, atol=2e-6)


def test_the_lower_layers_of_a_preset_are_its_own(preset: str) -> None:
    whole = BertTitleEncoder.from_preset(preset)
    part = BertTitleEncoder.from_preset(preset, layers=2)
    assert len(part.backbone.transformer_layers) == 2
    weights = {weight.path: weight.numpy() for weight in whole.backbone.weights}
    for weight in part.backbone.weights:
        np.testing.assert_array_equal(weight.numpy(), weights[weight.path])
    assert BertTitleEncoder.from_config(part.get_config()).bert_config["num_layers"] == 2


@pytest.mark.parametrize("layers", [0, 4])
def test_only_layers_that_are_there_can_be_kept(preset: str, layers: int) -> None:
    with pytest.raises(SchemaError, match=f"expected 1 to 3 layers to keep, got {layers}"):
        BertTitleEncoder.from_preset(preset, layers=layers)


def test_padding_and_neighbours_do_not_matter() -> None:
    layer = encoder()
    together = layer(TOKENS).numpy()
    wider = np.pad(TOKENS, [(0, 0), (0, 8)])
    np.testing.assert_allclose(layer(wider), together, atol=1e-6)
    for row in range(4):
        alone = TOKENS[row : row + 1, : (TOKENS[row] > 0).sum()]
        np.testing.assert_allclose(layer(alone)[0], together[row], atol=1e-6)


def test_titles_of_nothing_have_finite_vectors() -> None:
    assert np.isfinite(encoder()(np.zeros((2, 8), np.int32))).all()
    assert encoder()(np.zeros((0, 8), np.int32)).shape == (0, 32)


def test_a_fresh_lora_is_the_bert_and_a_merged_one_equals_its_own() -> None:
    settings = {"pooling": "attention", "title_width": 8}
    layer = encoder(lora_rank=4, lora_alpha=2.0, **settings)
    whole = encoder(**settings)
    mine = {w.path: w for w in layer.weights}
    for weight in whole.weights:
        weight.assign(mine[weight.path])
    np.testing.assert_allclose(layer(TOKENS), whole(TOKENS), atol=1e-6)
    randomise_lora(layer)
    assert abs(layer(TOKENS) - whole(TOKENS)).numpy().max() > 0.01
    merged = layer.merged()
    assert not any("lora" in w.path for w in merged.weights)
    np.testing.assert_allclose(merged(TOKENS), layer(TOKENS), atol=1e-5)


def test_lora_is_scaled_by_alpha_over_rank() -> None:
    layer = encoder(lora_rank=4, lora_alpha=2.0)
    randomise_lora(layer)
    dense = layer.backbone.transformer_layers[0]._self_attention_layer.output_dense
    product = tf.matmul(dense.lora_kernel_a.value, dense.lora_kernel_b.value)
    np.testing.assert_allclose(dense.kernel, dense._kernel + 0.5 * product, atol=1e-6)


def test_with_lora_nothing_else_of_the_bert_is_trained() -> None:
    layer = encoder(lora_rank=4, pooling="attention", title_width=8)
    own = layer.backbone.trainable_weights
    assert len(layer.trainable_weights) == len(own) + 5
    layer = encoder(lora_rank=4)
    paths = [w.path for w in layer.trainable_weights]
    assert len(paths) == 2 * 4 * 2  # layers, projections, A and B
    assert all("self_attention_layer" in p and "lora_kernel" in p for p in paths)


def test_a_configuration_makes_an_equal_one() -> None:
    layer = encoder(
        lora_rank=4, lora_alpha=2.0, precision="bfloat16", pooling="attention", title_width=8
    )
    again = BertTitleEncoder.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(TOKENS), layer(TOKENS))


def test_bfloat16_is_near_and_its_weights_are_float32() -> None:
    exact, rough = encoder(), encoder(precision="bfloat16")
    rough.set_weights(exact.get_weights())
    assert {w.dtype for w in rough.weights} == {"float32"}
    vectors = rough(TOKENS)
    assert vectors.dtype == tf.float32
    difference = abs(vectors - exact(TOKENS)).numpy().max()
    assert 0.0 < difference < 0.1


@pytest.mark.parametrize("hidden_dim", [32, 128])
def test_dropout_is_active_in_training_only(hidden_dim: int) -> None:
    layer = encoder(dropout=0.5, hidden_dim=hidden_dim)
    np.testing.assert_array_equal(layer(TOKENS), layer(TOKENS))
    assert abs(layer(TOKENS, training=True) - layer(TOKENS)).numpy().max() > 0.01


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="float32, bfloat16, got 'float16'"):
        encoder(precision="float16")
    with pytest.raises(ValueError, match="cls, mean, attention, got 'max'"):
        encoder(pooling="max")
    with pytest.raises(SchemaError, match="/nowhere: no BERT"):
        BertTitleEncoder.from_preset("/nowhere")
