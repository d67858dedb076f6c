"""All studies by name."""

from tfrec_mt.studies.ab_test import AB_TEST
from tfrec_mt.studies.baselines import BASELINES
from tfrec_mt.studies.case_study import CASE_STUDY
from tfrec_mt.studies.control_test import CONTROL_TEST
from tfrec_mt.studies.cross_topic import CROSS_TOPIC
from tfrec_mt.studies.encoding_width import ENCODING_WIDTH
from tfrec_mt.studies.information_plane import INFORMATION_PLANE
from tfrec_mt.studies.long_history import LONG_HISTORY
from tfrec_mt.studies.mtrec_curves import MTREC_CURVES
from tfrec_mt.studies.mtrec_table1 import MTREC_TABLE1
from tfrec_mt.studies.mtrec_table1_ebnerd import MTREC_TABLE1_EBNERD
from tfrec_mt.studies.news_kernels import NEWS_KERNELS
from tfrec_mt.studies.overlap import OVERLAP
from tfrec_mt.studies.public_data import PUBLIC_DATA
from tfrec_mt.studies.public_tables import ALI_CCP, ALI_EXPRESS, CENSUS_INCOME, KUAI_RAND
from tfrec_mt.studies.rates import RATES
from tfrec_mt.studies.shift import SHIFT
from tfrec_mt.studies.study import Study
from tfrec_mt.studies.surgery import SURGERY
from tfrec_mt.studies.time_span import TIME_SPAN

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        BASELINES,
        CONTROL_TEST,
        CROSS_TOPIC,
        ENCODING_WIDTH,
        TIME_SPAN,
        OVERLAP,
        RATES,
        INFORMATION_PLANE,
        AB_TEST,
        CASE_STUDY,
        SHIFT,
        LONG_HISTORY,
        PUBLIC_DATA,
        ALI_EXPRESS,
        ALI_CCP,
        CENSUS_INCOME,
        KUAI_RAND,
        NEWS_KERNELS,
        MTREC_TABLE1,
        MTREC_CURVES,
        SURGERY,
        MTREC_TABLE1_EBNERD,
    )
}
