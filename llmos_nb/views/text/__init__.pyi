from . import view as view
from .keys import prompt_keys as prompt_keys
from .tables import diff as diff, table as table
