"""How an incident comes to be: a person, an alert or a rollback, each a cause that belongs to one incident."""
