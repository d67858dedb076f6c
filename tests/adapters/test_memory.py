"""Looking up what kernels remember, against dictionaries."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.adapters.memory import Memory, Remembered, check_axes, memory_keys

FEATURES, DOMAINS, TASKS = ("item", "tags"), 3, ("ctr", "ctcvr")


def _memory(rng: np.random.Generator) -> tuple[Memory, dict[tuple[int, int, int], np.ndarray]]:
    """A memory, and its offsets by domain, place of the feature and code."""
    table, domains = {}, []
    for domain in range(1, DOMAINS + 1):
        keys = [memory_keys(0, np.zeros(domain % 2, np.int64))]
        for place in (1, 2):
            codes = np.sort(rng.choice(2**31 - 1, 5, replace=False)) if place == 1 else np.arange(4)
            keys.append(memory_keys(place, codes.astype(np.int64)))
        every = np.concatenate(keys)
        offsets = rng.normal(size=(len(every), 2)).astype(np.float32)
        for key, offset in zip(every, offsets, strict=True):
            table[domain, int(key) >> 32, int(key) & 0xFFFFFFFF] = offset
        domains.append(Remembered(every, offsets))
    return Memory(FEATURES, ["tags"], TASKS, domains), table


def test_offsets_are_those_of_a_dictionary() -> None:
    rng = np.random.default_rng(0)
    memory, table = _memory(rng)
    known = [code for _, place, code in table if place == 1]
    rows = 200
    domains = rng.integers(0, DOMAINS + 1, rows).astype(np.int32)
    items = rng.choice([*known, 0, 7, 2**31 - 2], rows).astype(np.int32)
    tags = rng.integers(0, 6, (rows, 3)).astype(np.int32)
    codes = {"item": tf.constant(items), "tags": tf.constant(tags)}
    found = memory.offsets(tf.constant(domains), codes, {})
    zero = np.zeros(2, np.float32)
    for row in range(rows):
        expected = table.get((domains[row], 0, 0), zero) + table.get(
            (domains[row], 1, items[row]), zero
        )
        held = [tag for tag in tags[row] if tag > 0]
        if held:
            expected = expected + sum(table.get((domains[row], 2, t), zero) for t in held) / len(
                held
            )
        if domains[row] == 0:
            expected = zero
        got = [float(found[task][row, 0]) for task in TASKS]
        np.testing.assert_allclose(got, expected, atol=1e-6)
    assert any(np.any(found["ctr"].numpy()[domains == d]) for d in range(1, DOMAINS + 1))
    assert not found["ctr"].numpy()[domains == 0].any()


def test_a_server_does_not_know_how_many_ids_a_bag_has() -> None:
    memory, _ = _memory(np.random.default_rng(4))
    known = memory.domains[0].keys[1:6] & 0xFFFFFFFF

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
        ]
    )
    def added(domains: Any, items: Any, tags: Any) -> Any:
        ids = memory.ids({"item": items, "tags": tags}, tf.size(items))
        return memory.offsets(tf.repeat(domains, tf.shape(items)[1]), ids, {})

    items = tf.constant([known, known[::-1]], tf.int32)
    for tags in (np.zeros((2, 0)), [[1], [0]], [[1, 2, 0], [3, 0, 0]]):
        tags = np.asarray(tags, np.int32)
        found = added(tf.constant([1, 2]), items, tf.constant(tags))
        codes = {"item": tf.reshape(items, [-1]), "tags": tf.constant(tags.repeat(5, axis=0))}
        expected = memory.offsets(tf.repeat(tf.constant([1, 2]), 5), codes, {})
        for task in TASKS:
            np.testing.assert_array_equal(found[task], expected[task])
            assert found[task].numpy().any()


def test_requests_with_items_have_one_row_each() -> None:
    memory, _ = _memory(np.random.default_rng(1))
    known = memory.domains[0].keys[1:3] & 0xFFFFFFFF
    items = tf.constant([known, known[::-1]], tf.int32)  # [B, N]
    tags = tf.constant([[1, 2, 0], [3, 0, 0]], tf.int32)  # [B, V]
    ids = memory.ids({"item": items, "tags": tags}, tf.constant(4))
    assert ids["item"].numpy().tolist() == [*known, *known[::-1]]
    assert ids["tags"].numpy().tolist() == [[1, 2, 0], [1, 2, 0], [3, 0, 0], [3, 0, 0]]


def test_an_empty_memory_adds_nothing() -> None:
    memory = Memory.of_arrays(["item"], [], TASKS, 1)
    found = memory.offsets(tf.constant([0, 1]), {"item": tf.constant([0, 5])}, {})
    assert {task: z.numpy().tolist() for task, z in found.items()} == {
        task: [[0.0], [0.0]] for task in TASKS
    }


@pytest.mark.parametrize("rows", [0, 200])
def test_slopes_are_along_the_axes_of_the_domain(rows: int) -> None:
    rng = np.random.default_rng(2)
    users, widths, count = 9, {"ctr": 5, "ctcvr": 4}, 3
    axes = {
        task: rng.normal(size=(DOMAINS, width + 1, count)).astype(np.float32)
        for task, width in widths.items()
    }
    every = memory_keys(1, np.arange(users, dtype=np.int64))
    numbers = rng.normal(size=(DOMAINS, users, 2 * (1 + count))).astype(np.float32)
    memory = Memory(["user"], (), TASKS, [Remembered(every, of) for of in numbers], axes)
    assert memory.width == 2 * (1 + count)
    domains = rng.integers(0, DOMAINS + 1, rows).astype(np.int32)
    user = rng.integers(0, users + 2, rows).astype(np.int32)
    knowledge = {t: rng.normal(size=(rows, w)).astype(np.float32) for t, w in widths.items()}
    found = memory.offsets(
        tf.constant(domains),
        {"user": tf.constant(user)},
        {task: tf.constant(values) for task, values in knowledge.items()},
    )
    assert {values.shape for values in found.values()} == {(rows, 1)}
    for row in range(rows):
        for place, task in enumerate(TASKS):
            expected = 0.0
            if domains[row] and user[row] < users:
                domain = domains[row] - 1
                offset, *slopes = numbers[domain, user[row]].reshape(2, -1)[place]
                own = axes[task][domain]
                expected = offset + (knowledge[task][row] @ own[:-1] + own[-1]) @ slopes
            got = float(found[task][row, 0])
            assert got == pytest.approx(expected, abs=1e-4)
            assert expected or got == 0.0  # to the last bit


def test_axes_of_another_base_are_refused() -> None:
    widths = {"ctr": 5, "ctcvr": 4}
    fine = {task: np.zeros((width + 1, 3), np.float32) for task, width in widths.items()}
    check_axes(fine, widths)
    check_axes({}, widths)
    wrong = {
        "expected axes": [{"ctr": fine["ctr"]}, fine | {"ctr": fine["ctcvr"]}],
        "finite": [fine | {"ctr": np.full_like(fine["ctr"], np.inf)}],
    }
    for told, several in wrong.items():
        for axes in several:
            with pytest.raises(ValueError, match=told):
                check_axes(axes, widths)


@pytest.mark.parametrize(
    ("keys", "offsets", "told"),
    [
        (np.array([2, 1]), np.zeros((2, 1), np.float32), "ascending"),
        (np.array([1.0]), np.zeros((1, 1), np.float32), "ascending"),
        (memory_keys(3, np.array([1])), np.zeros((1, 1), np.float32), "of 2 features"),
        (np.array([-1]), np.zeros((1, 1), np.float32), "of 2 features"),
        (np.array([1]), np.zeros((1, 2), np.float32), "1 ids and 1 numbers"),
        (np.array([1]), np.full((1, 1), np.nan, np.float32), "finite"),
    ],
)
def test_what_no_domain_can_remember_is_refused(
    keys: np.ndarray, offsets: np.ndarray, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        Remembered(keys, offsets).check(2, 1)


def _with_slopes(seed: int, domains: int, count: int = 3) -> Memory:
    rng = np.random.default_rng(seed)
    keys = memory_keys(1, np.arange(4, dtype=np.int64))
    axes = {task: rng.normal(size=(domains, 6, count)).astype(np.float32) for task in TASKS}
    found = [
        Remembered(keys, rng.normal(size=(4, 2 * (1 + count))).astype(np.float32))
        for _ in range(domains)
    ]
    return Memory(["user"], (), TASKS, found, axes)


def _added(memory: Memory, domain: int) -> np.ndarray:
    """What a domain adds to some rows, [T, B]."""
    knowledge = np.random.default_rng(9).normal(size=(8, 5)).astype(np.float32)
    found = memory.offsets(
        tf.fill([8], domain + 1),
        {"user": tf.range(8)},
        {task: tf.constant(knowledge) for task in TASKS},
    )
    return np.stack([found[task][:, 0] for task in TASKS])


def test_domains_take_their_axes_with_them() -> None:
    one, other = _with_slopes(0, 3), _with_slopes(1, 2)
    both = one.followed_by(other)
    for place, (memory, domain) in enumerate(
        [*((one, d) for d in range(3)), (other, 0), (other, 1)]
    ):
        np.testing.assert_array_equal(_added(both, place), _added(memory, domain))
    some = both.chosen([4, 1])
    for place, domain in enumerate((4, 1)):
        np.testing.assert_array_equal(_added(some, place), _added(both, domain))


def test_room_for_slopes_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    keys = memory_keys(1, np.arange(4, dtype=np.int64))
    plain = Memory(
        ["item"], (), TASKS, [Remembered(keys, rng.normal(size=(4, 2)).astype(np.float32))]
    )
    padded = plain.padded(["item", "user"], dict.fromkeys(TASKS, (6, 3)))
    codes = {"item": tf.range(8), "user": tf.range(8)}
    knowledge = dict.fromkeys(TASKS, tf.ones([8, 5]))
    for task, offsets in plain.offsets(tf.ones([8], tf.int32), codes, {}).items():
        found = padded.offsets(tf.ones([8], tf.int32), codes, knowledge)[task]
        np.testing.assert_array_equal(found, offsets)
