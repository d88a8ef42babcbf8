from . import form as form, view as view
from .tables import diff as diff, table as table
