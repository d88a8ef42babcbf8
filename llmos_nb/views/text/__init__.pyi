from . import form as form, view as view
from .context import context_text as context_text
from .tables import diff as diff, table as table
