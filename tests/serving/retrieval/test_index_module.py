"""What every kind of index promises its clients."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json
import numpy as np
from tfrec_mt.serving.retrieval.article_vectors import ArticleVectors
from tfrec_mt.serving.retrieval.index_module import IndexModule
from tfrec_mt.serving.versions import signatures_of
articles = ArticleVectors(tuple("abcde"), np.ones((5, 2), np.float32))
kinds = ("brute_force", "streaming")
print(json.dumps([
    [signatures_of(IndexModule(kind, articles, k).functions) for kind in kinds] for k in (3, 9)
]))
"""


@pytest.mark.slow
def test_kinds_have_the_same_signature() -> None:
    # another process: TensorFlow Recommenders wants another Keras than all other tests
    environment = {
        **os.environ,
        "TF_USE_LEGACY_KERAS": "1",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        check=True,
    )
    for length, kinds in zip((3, 5), json.loads(done.stdout), strict=True):
        for signatures in kinds:
            assert signatures == {
                "serving_default": {
                    "inputs": {"query_vectors": ["float32", [None, 2]]},
                    "outputs": {
                        "articles": ["string", [None, length]],
                        "scores": ["float32", [None, length]],
                    },
                    "optional": [],
                }
            }
