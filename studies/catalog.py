"""All studies by name."""

from studies.ab_test.ab_test import AB_TEST
from studies.ab_test.case_study import CASE_STUDY
from studies.daily.carried import CARRIED_STUDY
from studies.daily.daily import DAILY_STUDY
from studies.daily.new_domain import NEW_DOMAIN
from studies.daily.pull import PULL
from studies.first_hour.first_hour import FIRST_HOUR
from studies.first_hour.first_kernels import FIRST_KERNELS
from studies.first_hour.served_precision import SERVED_PRECISION
from studies.first_hour.tastes import TASTES
from studies.framework.study import Study
from studies.information.information_plane import INFORMATION_PLANE
from studies.news.mtrec_curves import MTREC_CURVES
from studies.news.mtrec_table1 import MTREC_TABLE1
from studies.news.mtrec_table1_ebnerd import MTREC_TABLE1_EBNERD
from studies.news.news_kernels import NEWS_KERNELS
from studies.news.surgery import SURGERY
from studies.public_data.public_data import PUBLIC_DATA
from studies.public_data.public_tables import ALI_CCP, ALI_EXPRESS, CENSUS_INCOME, KUAI_RAND
from studies.scoreboard.scoreboard import SCOREBOARD
from studies.takeout.baselines import BASELINES
from studies.takeout.control_test import CONTROL_TEST
from studies.takeout.cross_topic import CROSS_TOPIC
from studies.takeout.encoding_width import ENCODING_WIDTH
from studies.takeout.long_history import LONG_HISTORY
from studies.takeout.overlap import OVERLAP
from studies.takeout.plain_keras import PLAIN_KERAS, PLAIN_KERAS_RATES
from studies.takeout.rates import RATES
from studies.takeout.shift import SHIFT
from studies.takeout.time_span import TIME_SPAN

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
        PLAIN_KERAS,
        PLAIN_KERAS_RATES,
        FIRST_HOUR,
        FIRST_KERNELS,
        SERVED_PRECISION,
        TASTES,
        DAILY_STUDY,
        PULL,
        CARRIED_STUDY,
        NEW_DOMAIN,
        SCOREBOARD,
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
