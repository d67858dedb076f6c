"""Bases from elsewhere: your own Keras model, a SavedModel, or vectors on disk.

Example:
  >>> base = KerasBase(ranker, heads={"ctr": "ctr_logit"})
  >>> model = attach(base, IAK(width=50), topics={"market": ("us", "de")})
"""

from typing import TYPE_CHECKING

from tfrec_mt.lazy_names import lazy_names

if TYPE_CHECKING:
    from tfrec_mt.bases.adapter import IAK as IAK
    from tfrec_mt.bases.adapter import Adapter as Adapter
    from tfrec_mt.bases.attach_kernels import attach as attach
    from tfrec_mt.bases.keras_base import KerasBase as KerasBase
    from tfrec_mt.bases.knowledge_table import KnowledgeTable as KnowledgeTable
    from tfrec_mt.bases.saved_model_base import SavedModelBase as SavedModelBase

_HOMES = {
    "IAK": "tfrec_mt.bases.adapter",
    "Adapter": "tfrec_mt.bases.adapter",
    "KerasBase": "tfrec_mt.bases.keras_base",
    "KnowledgeTable": "tfrec_mt.bases.knowledge_table",
    "SavedModelBase": "tfrec_mt.bases.saved_model_base",
    "attach": "tfrec_mt.bases.attach_kernels",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
