"""Who is called next when nobody answers: frozen steps, one due row per subject, no timer in memory."""
