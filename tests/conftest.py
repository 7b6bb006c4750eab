"""What holds for every test: a property takes the time it takes, on a laptop as on a busy machine."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
