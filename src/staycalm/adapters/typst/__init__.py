"""PDF documents, set by typst."""

from staycalm.adapters.typst.adapter import TypstPrinter
from staycalm.adapters.typst.settings import TypstSettings

__all__ = ["TypstPrinter", "TypstSettings"]
