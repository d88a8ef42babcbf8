from . import view as view
from .tables import diff as diff, table as table
