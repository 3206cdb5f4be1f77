"""Messages to people, each with its delivery log: queued in the transaction of its cause, sent from a due row."""
