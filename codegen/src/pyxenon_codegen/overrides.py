"""The few decisions that the rules cannot make, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

# Fields without presence on the wire that callers may leave out, because the empty value has a meaning:
# an empty location is the adaptor's default, and an empty list of queues means all queues.
OPTIONAL_FIELDS = frozenset(
    {
        "CreateFileSystemRequest.location",
        "CreateSchedulerRequest.location",
        "SchedulerAndQueues.queues",
    }
)

# Programs for pyxenon 3 call the data of a written file ``data_stream``; the rule would give ``buffer_stream``.
STREAM_PARAMETERS: Mapping[str, str] = {"buffer": "data_stream"}

# Base classes from pyxenon_core.reports for messages that tell more than their fields: the details about a job are in the keys of its
# information.
BASE_CLASSES: Mapping[str, str] = {"JobStatus": "JobReport"}

# xenon-grpc reports the end of a copy immediately, and forgets a copy that ends just when a round of waiting is over. So copies are waited
# for in long rounds from the start; jobs, which it checks once a second, in short ones.
TOLD_AT_ONCE = frozenset({"CopyStatus"})
