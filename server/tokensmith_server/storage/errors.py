"""How a database can fail, in this package's own words. Driver text never leaves it."""


class StorageError(Exception):
    """The storage cannot be used as it is; the message is for the operator."""


class DatabaseTrouble(Exception):
    """Base of what the writer must judge: was anything written, and may it be tried again."""


class TryAgain(DatabaseTrouble):
    """Nothing was written, and the cause passes: serialization, deadlock, a busy file."""


class ConnectionLost(DatabaseTrouble):
    """Nothing was written, and the connection is no more."""


class CommitUnknown(DatabaseTrouble):
    """COMMIT was sent and no answer came: everything was written, or nothing."""


class WriteRefused(DatabaseTrouble):
    """The database refused a row or a value; nothing was written, and one command is at fault.

    The connection is as good as before, and a repeat ends the same way.
    """


class KeyTaken(WriteRefused):
    """Another row has the key of a row."""
