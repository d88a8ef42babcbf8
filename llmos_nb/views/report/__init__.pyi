from .bundle import bundle as bundle
from .context import context as context
from .cost import cost as cost
from .model import Grid as Grid, Note as Note, Report as Report, Told as Told
from .run import run as run
from .trace import trace as trace
from .words import words as words
