from . import model as model
from .model import ScriptedModel as ScriptedModel
