"""All studies by name."""

from tfrec_mt.studies.baselines import BASELINES
from tfrec_mt.studies.control_test import CONTROL_TEST
from tfrec_mt.studies.encoding_width import ENCODING_WIDTH
from tfrec_mt.studies.mtrec_curves import MTREC_CURVES
from tfrec_mt.studies.mtrec_table1 import MTREC_TABLE1
from tfrec_mt.studies.mtrec_table1_ebnerd import MTREC_TABLE1_EBNERD
from tfrec_mt.studies.news_kernels import NEWS_KERNELS
from tfrec_mt.studies.rates import RATES
from tfrec_mt.studies.shift import SHIFT
from tfrec_mt.studies.study import Study
from tfrec_mt.studies.surgery import SURGERY

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        MTREC_TABLE1,
        MTREC_TABLE1_EBNERD,
        MTREC_CURVES,
        SURGERY,
        NEWS_KERNELS,
        BASELINES,
        CONTROL_TEST,
        ENCODING_WIDTH,
        SHIFT,
        RATES,
    )
}
