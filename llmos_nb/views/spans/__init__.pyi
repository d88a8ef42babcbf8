from . import export as export
from .span import traceparent as traceparent
