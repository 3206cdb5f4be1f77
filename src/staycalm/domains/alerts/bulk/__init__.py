"""One verb for many alerts: at most a thousand in a transaction, the rest by itself, and a way back."""
