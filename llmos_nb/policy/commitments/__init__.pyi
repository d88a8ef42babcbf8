from .classes import Class as Class, Verdict as Verdict, judged as judged
from .evaluate import Reader as Reader
from .fit import Fit as Fit, Misfit as Misfit, Use as Use, first_fit as first_fit, fits as fits
from .form import Act as Act, Signature as Signature, Signatures as Signatures
from .reading import read as read
from .sentences import reply as reply, sentence as sentence
from .tokens import live as live
from .values import plain as plain
from .words import said as said
