"""What holds for every test: a property takes the time it takes, on a laptop as on a busy machine."""

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

# The marks of what jobs delivered: a test starts on a machine that has none.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="backfill-test-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
