from . import files as files
from .carry import (
    FURTHER as FURTHER,
    VERBS as VERBS,
    carry as carry,
    check as check,
    kill_children as kill_children,
    stands as stands,
    take as take,
)
from .files import WAIT_S as WAIT_S, Command as Command, Done as Done, Target as Target
from .send import answer_to as answer_to, check_home as check_home, deliver as deliver, order_of as order_of
from .watch import listen as listen, watch as watch
