"""All studies by name."""

from tfrec_mt.studies.study import Study

STUDIES: dict[str, Study] = {}
