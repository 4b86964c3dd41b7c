"""gRPC's reflection service, asked by gRPC's own client of it, and by one that is made from what it answers; and a server without it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core.services import RPCS
from pyxenon_server._generated.descriptor import FILES
from pyxenon_server.grpc import reflection
from pyxenon_server.grpc.reflection import Reflection

Running = Callable[[], contextlib.AbstractAsyncContextManager[Any]]
Request, Response = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
SERVICES = ["xenon.FileSystemService", "xenon.SchedulerService", "grpc.health.v1.Health", *reflection.SERVICES]
TOLD = Reflection([name for name in SERVICES if name not in reflection.SERVICES], FILES)


def blocking(running: Running, work: Callable[[grpc.Channel], None]) -> None:
    """Run *work*, which blocks, in a thread, against a server in this one."""

    async def run() -> None:
        async with running() as server:
            with ThreadPoolExecutor(1) as pool, grpc.insecure_channel(server.target) as channel:
                await asyncio.get_running_loop().run_in_executor(pool, work, channel)

    asyncio.run(run())


class Refused(Exception):
    """A call that was ended with a status."""


class Context:
    """The one method of grpcio's context that is called."""

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(code, details)


def answer_to(request: bytes) -> Any:
    async def ask() -> AsyncIterator[bytes]:
        yield request

    async def hear() -> bytes:
        [said] = [said async for said in TOLD.answers(ask(), Context())]  # type: ignore[arg-type]  # all that is asked of it
        return said

    return Response.FromString(asyncio.run(hear()))


def answer(**asked: Any) -> Any:
    return answer_to(Request(**asked).SerializeToString())


# --- over the wire ----------------------------------------------------------------------------------------------------------------------


def test_grpcs_own_client_finds_the_services_and_calls_one(running: Running) -> None:
    def work(channel: grpc.Channel) -> None:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert list(database.get_services()) == sorted(SERVICES)
        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName("xenon.FileSystemService")
        method = service.FindMethodByName("getAdaptorNames")
        response = message_factory.GetMessageClass(method.output_type)
        call = channel.unary_unary(f"/{service.full_name}/{method.name}", response_deserializer=response.FromString)
        assert list(call(b"", timeout=60).name) == ["file"]

    blocking(running, work)


def test_every_service_that_is_listed_can_be_described_with_all_its_methods(running: Running) -> None:
    def work(channel: grpc.Channel) -> None:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(database)
        methods = {
            f"/{name}/{method.name}": (method.client_streaming, method.server_streaming)
            for name in database.get_services()
            for method in pool.FindServiceByName(name).methods
        }
        assert {path: kind for path, kind in methods.items() if path.startswith("/xenon.")} == {
            path: (rpc.client_streaming, rpc.server_streaming) for path, rpc in RPCS.items()
        }

    blocking(running, work)


@pytest.mark.parametrize("service", reflection.SERVICES)
def test_both_versions_answer_question_after_question(running: Running, service: str) -> None:
    def work(channel: grpc.Channel) -> None:
        method = channel.stream_stream(f"/{service}/ServerReflectionInfo", Request.SerializeToString, Response.FromString)
        asked = [Request(list_services=""), Request(file_by_filename="xenon.proto"), Request(file_containing_symbol="no.such"), Request()]
        answers = list(method(iter(asked), timeout=60))
        assert [said.original_request for said in answers] == asked
        kinds = [said.WhichOneof("message_response") for said in answers]
        assert kinds == ["list_services_response", "file_descriptor_response", "error_response", "error_response"]

    blocking(running, work)


def test_a_question_is_answered_before_the_next_is_asked(running: Running) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
            for _ in range(3):
                await call.write(Request(list_services="*"))
                assert len((await call.read()).list_services_response.service) == len(SERVICES)
            await call.done_writing()
            assert await call.read() is grpc.aio.EOF

    asyncio.run(work())


def test_a_question_that_is_no_message_is_refused(running: Running) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            call = channel.stream_stream(f"/{reflection.SERVICES[0]}/ServerReflectionInfo")(iter([b"\xff"]))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    asyncio.run(work())


# --- what is answered --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_found_by_its_name(name: str) -> None:
    [file] = answer(file_by_filename=name).file_descriptor_response.file_descriptor_proto
    assert file == FILES[name]
    assert FileDescriptorProto.FromString(file).name == name


@pytest.mark.parametrize(
    "symbol",
    [
        "xenon.FileSystemService",
        "xenon.FileSystemService.create",
        "xenon.SchedulerService.submitInteractiveJob",
        "xenon.Path",
        ".xenon.Path",
        "xenon.Path.path",
        "xenon.JobStatus.ErrorType",
        "xenon.CreateSchedulerRequest.credential",
        "xenon.Properties.PropertiesEntry.key",
    ],
)
def test_a_file_is_found_by_what_is_in_it(symbol: str) -> None:
    [file] = answer(file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto
    assert file == FILES["xenon.proto"]


@pytest.mark.parametrize("symbol", ["", "xenon", "xenon.", "xenon.Nothing", "Path", "xenon.Path.nothing", "path"])
def test_what_is_in_no_file_is_not_found(symbol: str) -> None:
    error = answer(file_containing_symbol=symbol).error_response
    assert error.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert error.error_message == "not found"


def test_everything_that_is_declared_is_found() -> None:
    pool = descriptor_pool.DescriptorPool()
    declared = pool.AddSerializedFile(FILES["xenon.proto"])  # type: ignore[no-untyped-call]
    methods = {method.full_name for service in declared.services_by_name.values() for method in service.methods}
    assert methods == {path[1:].replace("/", ".") for path in RPCS}
    for symbol in (*methods, *(message.full_name for message in declared.message_types_by_name.values())):
        [file] = answer(file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto
        assert file == FILES["xenon.proto"]


def test_there_are_no_extensions() -> None:
    by_number = answer(file_containing_extension=reflection_pb2.ExtensionRequest(containing_type="xenon.Path", extension_number=5))
    assert by_number.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    numbers = answer(all_extension_numbers_of_type="xenon.Path").all_extension_numbers_response
    assert (numbers.base_type_name, list(numbers.extension_number)) == ("xenon.Path", [])
    assert answer(all_extension_numbers_of_type="xenon.Nothing").error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_the_host_and_the_question_come_back() -> None:
    said = answer(host="here", list_services="x")
    assert said.valid_host == "here"
    assert said.original_request == Request(host="here", list_services="x")
    assert [service.name for service in said.list_services_response.service] == sorted(SERVICES)


@given(st.binary(max_size=60))
def test_any_bytes_are_answered_or_refused(data: bytes) -> None:
    try:
        said = answer_to(data)
    except Refused as refused:
        assert refused.args[0] is grpc.StatusCode.INVALID_ARGUMENT
        return
    assert said.WhichOneof("message_response") is not None


@given(
    st.text(st.characters(exclude_categories=("Cs",))),
    st.sampled_from([field.name for field in Request.DESCRIPTOR.fields if field.number in (3, 4, 6, 7)]),
)
def test_any_question_is_answered(text: str, kind: str) -> None:
    said = answer(**{kind: text})
    assert getattr(said.original_request, kind) == text


# --- our protos of gRPC's services --------------------------------------------------------------------------------------------------------


def facts(file: FileDescriptorProto) -> FileDescriptorProto:
    """What a file declares, without options for other languages and without the order of things in it."""
    copy = FileDescriptorProto()
    copy.CopyFrom(file)
    copy.ClearField("options")
    copy.ClearField("name")
    copy.message_type.sort(key=lambda message: message.name)
    for service in copy.service:
        service.method.sort(key=lambda method: method.name)
    for message in all_messages(copy.message_type):
        for field in message.field:
            field.ClearField("json_name")
    return copy


def all_messages(messages: Any) -> Iterator[Any]:
    for message in messages:
        yield message
        yield from all_messages(message.nested_type)


def theirs(descriptor: Any) -> FileDescriptorProto:
    file = FileDescriptorProto()
    descriptor.CopyToProto(file)
    return file


def test_our_proto_of_the_health_service_says_what_theirs_says() -> None:
    ours = FileDescriptorProto.FromString(FILES["grpc/health/v1/health.proto"])
    assert facts(ours) == facts(theirs(health_pb2.DESCRIPTOR))


def test_both_versions_of_the_reflection_service_say_the_same_but_for_their_names() -> None:
    stable, alpha = (
        FileDescriptorProto.FromString(answer(file_containing_symbol=name).file_descriptor_response.file_descriptor_proto[0])
        for name in reflection.SERVICES
    )
    assert facts(alpha) == facts(theirs(reflection_pb2.DESCRIPTOR))
    assert stable != alpha
    assert str(stable) == str(alpha).replace("v1alpha", "v1")


def test_the_official_descriptors_may_be_in_the_same_program() -> None:
    """A client that has gRPC's packages and asks this server must not find two definitions that quarrel."""
    pool = descriptor_pool.DescriptorPool()
    for file in FILES.values():
        pool.AddSerializedFile(file)  # type: ignore[no-untyped-call]
    assert pool.FindMessageTypeByName("grpc.health.v1.HealthCheckResponse").full_name == health_pb2.HealthCheckResponse.DESCRIPTOR.full_name


# --- without the extra --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["grpc_reflection", "grpc_reflection.v1alpha", "google.protobuf", "google.protobuf.descriptor_pb2"])
def test_a_server_without_the_extra_serves_all_but_reflection_and_says_so(
    running: Running, missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in sys.modules if name == missing or name.startswith((f"{missing}.", "pyxenon_server.grpc.reflection"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delattr("pyxenon_server.grpc.reflection", raising=False)
    caplog.set_level(logging.INFO, "xenon.server")

    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            names = await channel.unary_unary("/xenon.FileSystemService/getAdaptorNames")(b"")
            assert names
            for service in SERVICES[3:]:
                # It sends nothing: a request that meets the refusal on its way is an error of its own.
                assert await channel.stream_stream(f"/{service}/ServerReflectionInfo")().code() is grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(work())
    [said] = [record.getMessage() for record in caplog.records if "reflection" in record.getMessage()]
    assert said.startswith("reflection is not served; run pip install 'pyxenon-server[reflection]' to add it (")
