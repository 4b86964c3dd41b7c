"""The few decisions that no rule can make. Every entry says why it is here."""

from __future__ import annotations

from collections.abc import Mapping

# Fields without presence on the wire whose emptiness has a meaning of its own, so that a caller may leave them out:
# an empty location is the adaptor's default, and no queues are all queues.
OPTIONAL_FIELDS = frozenset(
    {
        "CreateFileSystemRequest.location",
        "CreateSchedulerRequest.location",
        "SchedulerAndQueues.queues",
    }
)

# Programs written for pyxenon 3 name the data of a written file ``data_stream``; the rule alone would say ``buffer_stream``.
STREAM_PARAMETERS: Mapping[str, str] = {"buffer": "data_stream"}

# What a message can tell beyond its fields, as classes of pyxenon_core.reports: the truth about a job travels under keys of its
# information.
BASE_CLASSES: Mapping[str, str] = {"JobStatus": "JobReport"}

# The released server tells of the end of a copy at once, and forgets a copy that ends in the moment in which a round of waiting is over:
# these are asked in long rounds from the first on, where a job, which that server looks at once a second, is asked in short ones.
TOLD_AT_ONCE = frozenset({"CopyStatus"})
