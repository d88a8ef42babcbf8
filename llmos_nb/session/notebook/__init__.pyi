from . import cells as cells, past as past
from .past import Notebook as Notebook
from .recorder import Recorder as Recorder, follow as follow, leave as leave, recorder_of as recorder_of
