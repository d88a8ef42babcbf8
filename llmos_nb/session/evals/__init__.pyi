from .evaluate import Grid as Grid, evaluate as evaluate
from .score import Scored as Scored, Summary as Summary, summed as summed, wilson as wilson
from .tasks import Task as Task, read_tasks as read_tasks
