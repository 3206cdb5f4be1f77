"""One database, two engines: SQLite by default, PostgreSQL when one machine is not enough.

`await db.write(use_case, …)` runs a plain function as ONE transaction and answers after its commit.
"""

from staycalm.kit.database.database import Database
from staycalm.kit.database.transaction import ReadTx, Tx

__all__ = ["Database", "ReadTx", "Tx"]
