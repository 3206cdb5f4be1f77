"""E-mail through an SMTP submission server."""

from staycalm.adapters.smtp.adapter import SmtpChannel
from staycalm.adapters.smtp.settings import SmtpSettings

__all__ = ["SmtpChannel", "SmtpSettings"]
