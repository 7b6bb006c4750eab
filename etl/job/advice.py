"""What each key of a job file takes, in the words of an error message. Pure: two tables.

`EXPECTED` says what a value must be, where the type alone doesn't say it well; `FIXES` shows a line that would be
right.
"""

from typing import Final

__all__ = ["EXPECTED", "FIXES", "KINDS", "MISSING"]

# By pydantic's names of what is wrong.
KINDS: Final = {
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "tuple_type": 'a list like ["a", "b"]',
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "too_short": "a list with at least one member",
    "string_too_short": "text that isn't empty",
    "string_too_long": "a single character",
}
_SCALAR: Final = "text, a number, true or false"

EXPECTED: Final = {
    "name": "a name of letters, digits, `.`, `_` and `-`, at most 100, that begins with a letter or digit",
    "paths": 'a list with at least one path, like ["logs/*.csv"]',
    "separator": 'a single character, like ";" or "\\t"',
    "concurrency": 'a whole number from 1 to 1024, or "auto"',
    "value": _SCALAR,
    "default": _SCALAR,
    "map": "a table of texts and what becomes of them",
}

FIXES: Final = {
    "name": 'Choose one that can be a folder name, as in name = "docs-search-2023"',
    "paths": 'Name the files, relative to the job file: paths = ["logs/*.csv"]',
    "format": 'Leave `format` out where the suffix says it, or set format = "csv"; in createdAt, format = "iso8601"',
    "separator": 'Set the character between two cells: separator = ";" or separator = "\\t"',
    "header": "Set header = false where the first line is a row already, and name the `columns`",
    "columns": 'List the names in quotes: columns = ["user_id", "started"]',
    "null_values": 'List the texts that mean nothing: null_values = ["", "NULL"]',
    "encoding": 'Name the encoding: encoding = "utf-8"',
    "transform": 'Name a file beside the job file and a function in it: transform = "mapping.py:clean"',
    "sql": "Write Polars SQL in quotes: sql = \"region <> 'test'\"",
    "column": 'Name a column of the source in quotes: column = "user_id"',
    "value": 'Write the constant itself: value = "search_query_submitted"',
    "default": 'Write the value to take for missing ones: default = "unknown"',
    "map": 'Write what becomes of each text: map = { q = "search_query_submitted" }',
    "cast": 'Choose one: cast = "int"',
    "split": 'Write what stands between two parts: split = ";"',
    "param": 'Name the parameter of the address: param = "q"',
    "trim": "Set trim = true, or leave it out",
    "timezone": 'Name the clock that wrote the times: timezone = "America/Los_Angeles"',
    "verbatim": "Set verbatim = true, or leave it out",
    "non_finite": 'Set non_finite = "reject" or "null"',
    "*": 'Set "*" = true, or leave it out; a property called * is "*" = { column = "your_column" }',
    "except": 'List columns: except = ["raw"]; a property called except is except = { column = "your_column" }',
    "endpoint": "Leave `endpoint` out to send to the Inkeep Analytics API",
    "key_env": 'Name the variable, and set it to the key: key_env = "STAGING_INKEEP_KEY"',
    "rate": 'Set how many events a second: rate = "20/s", or rate = "max"',
    "concurrency": 'Set concurrency = 32, or concurrency = "auto"',
    "on_uncertain": 'Set on_uncertain = "ask" or "resend", or leave it out',
    "patience": 'Set how long a destination may take to show an event: patience = "2m"',
    "max_wait": 'Set how long the server may ask to wait: max_wait = "1h"',
    "timeout": 'Set how long one request may take: timeout = "30s"',
    "max_rejects": 'Set a share or a count: max_rejects = "1%" or max_rejects = 500',
    "open_rejects": 'Set open_rejects = "warn" or "fail"',
    "not_before": "Set the earliest time that is credible: not_before = 2015-01-01",
    "not_after": "Set the latest time that is credible: not_after = 2024-12-31",
    "keep": 'Set keep = true, or under [state] keep = "until-verified"; or leave it out',
    "id": 'Name what an id is made of: id = { columns = ["session", "seq"] }, or leave it out',
    "createdAt": 'Name the column of the time: createdAt = { column = "started", format = "iso8601" }',
    "source": 'Write a table: [source] with paths = ["logs/*.csv"]',
    "keys": 'Name the keys that are columns, and the column for all others: keys = ["id", "at"], rest = "other"',
    "rest": 'Name the keys that are columns, and the column for all others: keys = ["id", "at"], rest = "other"',
    "max_keys": "Set how many different keys may be columns: max_keys = 5000",
    "path": 'Name the keys that lead to the list of rows: path = "data.items"',
    "sheet": 'Name the sheet that holds the rows: sheet = "Data", or leave it out where only one does',
    "skip_rows": "Count the rows of the sheet before the header: skip_rows = 3",
    "excel": "Write a table: [source.excel] with skip_rows = 3",
    "beside": 'Name columns, and the keys that lead to them: path = "messages", beside = { channel_id = "channel.id" }',
    "json": 'Write a table: [source.json] with path = "messages"',
    "ndjson": 'Write a table: [source.ndjson] with keys = ["id", "at"] and rest = "other"',
    "csv": 'Write a table: [source.csv] with separator = ";"',
    "filter": "Write a table: [filter] with sql = \"region <> 'test'\"",
    "event": "Write a table: [event] with type, entityType and createdAt",
    "properties": 'Write a table: [event.properties] with page = "page_url"',
    "userProperties": 'Write a table: [event.userProperties] with id = "user_id"',
    "upload": 'Write a table: [upload] with rate = "20/s"',
    "limits": 'Write a table: [limits] with max_rejects = "1%"',
}

# What to add where a required key isn't there.
MISSING: Final = {
    "name": 'Add a first line: name = "my-job"',
    "source": 'Add a table: [source] with paths = ["logs/*.csv"]',
    "paths": 'Add paths = ["logs/*.csv"] under [source]',
    "event": "Add a table: [event] with type, entityType and createdAt",
    "type": 'Add type = "your_column" under [event], or type = { value = "search_query_submitted" }',
    "entityType": 'Add entityType = { value = "message" } under [event]',
    "createdAt": 'Add createdAt = "your_time_column" under [event]: a row without its own time is never sent as "now"',
    "sql": "Add sql = \"region <> 'test'\" under [filter], or remove the table",
}
