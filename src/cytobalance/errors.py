"""The one exception that a user meets: what is wrong and what to do next."""


class StudyError(Exception):
    """Bad input, settings or state; the message is one line and says what to do."""
