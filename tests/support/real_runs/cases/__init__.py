"""The scenarios, by subject."""

from real_runs.cases.afresh import AFRESH
from real_runs.cases.arrays import ARRAYS
from real_runs.cases.daily import DAILY
from real_runs.cases.decided import DECIDED
from real_runs.cases.elsewhere import ELSEWHERE
from real_runs.cases.followed import FOLLOWED
from real_runs.cases.forms import FORMS
from real_runs.cases.gallery import GALLERY
from real_runs.cases.kept import KEPT
from real_runs.cases.models import MODELS, PLOTS
from real_runs.cases.order import ORDER
from real_runs.cases.outside import CHANCE, OUTSIDE
from real_runs.cases.readable import READABLE
from real_runs.cases.standard import STANDARD
from real_runs.cases.tables import TABLES
from real_runs.cases.texts import TEXTS
from real_runs.cases.told import TOLD
from real_runs.cases.workday import WORKDAY
from real_runs.scenario import Scenario

GROUPS: dict[str, tuple[Scenario, ...]] = {
    "tables": TABLES,
    "arrays": ARRAYS,
    "models": MODELS,
    "plots": PLOTS,
    "standard": STANDARD,
    "order": ORDER,
    "decided": DECIDED,
    "outside": OUTSIDE,
    "chance": CHANCE,
    "forms": FORMS,
    "gallery": GALLERY,
    "told": TOLD,
    "kept": KEPT,
    "daily": DAILY,
    "followed": FOLLOWED,
    "elsewhere": ELSEWHERE,
    "afresh": AFRESH,
    "workday": WORKDAY,
    "readable": READABLE,
    "texts": TEXTS,
}
SCENARIOS: dict[str, Scenario] = {s.name: s for group in GROUPS.values() for s in group}
