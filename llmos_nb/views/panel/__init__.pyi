from .agent import Agent as Agent, AgentRow as AgentRow
from .card import DONE as DONE, below as below, card as card, has_rest as has_rest
from .danger import asks_for as asks_for
from .reach import within_reach as within_reach
from .view import Projector as Projector, live_of as live_of, still as still
