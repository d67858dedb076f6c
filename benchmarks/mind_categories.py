"""How well MIND's categories can be predicted from titles: regression on a pre-trained BERT.

With ten folds, every title is unseen once. A head trained jointly with a recommender cannot be
expected to do better on the same titles.

  python -m benchmarks.mind_categories --data_dir=FOLDER_OF_MIND
"""

from pathlib import Path

import numpy as np
import polars as pl
import tensorflow as tf
from absl import app, flags
from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import cross_val_predict  # type: ignore[import-untyped]
from sklearn.preprocessing import normalize  # type: ignore[import-untyped]
from sklearn.svm import LinearSVC  # type: ignore[import-untyped]

from results.result import Result
from tfrec_mt.data.news.sources.mind import MindSource
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary, minilm_folder
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.serving.title_preprocessing import TitlePreprocessing

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of MIND.", required=True)
FOLDS, BATCH, LONGEST = 10, 64, 128


def vectors(texts: list[str]) -> np.ndarray:
    """MiniLM's last layer averaged over tokens and normalised to length 1, `[N, 384]`."""
    preset = str(minilm_folder())
    encoder = BertTitleEncoder.from_preset(preset, pooling="mean")
    preprocessing = TitlePreprocessing(TitleVocabulary.from_preset(preset), LONGEST)
    encode = tf.function(
        lambda batch: encoder(preprocessing(batch)),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    starts = range(0, len(texts), BATCH)
    found = [encode(tf.constant(texts[start : start + BATCH])).numpy() for start in starts]
    return np.asarray(normalize(np.concatenate(found)))


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    news = pl.DataFrame(MindSource(Path(_DATA_DIR.value)).articles())
    categories = news["category"].to_numpy()
    titles = news["title"].fill_null("").to_list()
    whole = (news["title"].fill_null("") + ". " + news["subtitle"].fill_null("")).to_list()
    of_titles, of_whole = vectors(titles), vectors(whole)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(whole)
    both = np.hstack([of_titles, of_whole])
    regression = LogisticRegression(C=10.0, max_iter=1000)
    cases = {
        "titles": (regression, of_titles),
        "titles and abstracts": (regression, both),
        "the same and word pairs": (LinearSVC(C=0.3), hstack([words, csr_matrix(both)]).tocsr()),
    }
    _, counts = np.unique(categories, return_counts=True)
    rows = [["always the commonest", f"{counts.max() / counts.sum():.3f}"]]
    for name, (model, features) in cases.items():
        told = cross_val_predict(model, features, categories, cv=FOLDS)
        rows.append([name, f"{np.mean(told == categories):.3f}"])
    Result(
        name="mind_categories",
        title="MIND's categories from titles",
        command="python -m benchmarks.mind_categories --data_dir=...",
        about=(f"{len(titles):,} articles, {len(counts)} categories, {FOLDS} folds.",),
        columns=("input", "accuracy on unseen titles"),
        rows=rows,
    ).publish()


if __name__ == "__main__":
    app.run(main)
