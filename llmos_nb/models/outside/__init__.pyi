from .acp import ACTION as ACTION, NOT_SEEN as NOT_SEEN, AcpModel as AcpModel
from .known import KNOWN as KNOWN, agent as agent
from .model import ANSWER as ANSWER, OutsideModel as OutsideModel, Told as Told, Wanted as Wanted
