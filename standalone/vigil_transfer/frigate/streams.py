"""The streams of a Frigate camera: the record stream becomes the main stream, the detect stream the sub-stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from vigil_contracts.stream_url import InvalidStreamUrlError, check_stream_path, validate_stream_url
from vigil_transfer.frigate.restreams import Restreams, Source, UnusableSourceError, input_url, missing_variable
from vigil_transfer.frigate.sections import Sections, Setting, as_list
from vigil_transfer.report import Ledger, Path


@dataclass(frozen=True, slots=True)
class Input:
    """One of `ffmpeg.inputs`, with the stream of the camera behind it."""

    path: Path
    roles: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of a camera. `sub_path`: path of the sub-stream; empty: the main stream is analysed."""

    url: str
    sub_path: str
    transport: str


def streams_of(sections: Sections, restreams: Restreams, ledger: Ledger) -> Streams | None:
    """Return the camera's streams; None if Vigil can read none of them, which the ledger records."""
    inputs = _usable_inputs(sections, restreams, ledger)
    if not inputs:
        return None
    detect = next((one for one in inputs if "detect" in one.roles), None)
    main = next((one for one in inputs if "record" in one.roles), detect or inputs[0])
    sub_path = ""
    if detect is not None and detect.source.url != main.source.url:
        sub_path = _sub_path(main.source.url, detect.source.url)
        if not sub_path:
            ledger.not_taken(
                (*main.path, "path"),
                "Vigil reads the detect stream only: a sub-stream must have the host of the main stream, and the same"
                " credentials before the host",
            )
            main = detect
    _record_paths(ledger, main, detect if sub_path else None)
    for one in inputs:
        if one is not main and one is not detect:
            ledger.not_taken((*one.path, "path"), "Vigil reads a main stream and a sub-stream for detection only")
        _record_roles(ledger, one)
    return Streams(main.source.url, sub_path, _transport(sections, main.path, ledger))


def _usable_inputs(sections: Sections, restreams: Restreams, ledger: Ledger) -> list[Input]:
    found = sections.own("ffmpeg", "inputs")
    inputs = []
    for index, entry in enumerate(found.value if found and isinstance(found.value, list) else []):
        path: Path = (*sections.path, "ffmpeg", "inputs", index)
        address = entry.get("path") if isinstance(entry, Mapping) else None
        if not isinstance(address, str):
            ledger.problem(path, "must have a path")
            continue
        roles = tuple(str(role) for role in as_list(entry.get("roles") or []))
        try:
            source = restreams.resolve(input_url(address))
        except UnusableSourceError as error:
            ledger.not_taken((*path, "path"), str(error))
            continue
        if problem := _variable_problem(address) or _url_problem(source.url):
            ledger.problem((*path, "path"), problem)
        else:
            inputs.append(Input(path, roles, source))
    return inputs


def _variable_problem(url: str) -> str | None:
    variable = missing_variable(url)
    if variable is None:
        return None
    return f"the variable {variable} has no value: set it in the environment, or name its file with --env-file"


def _url_problem(url: str) -> str | None:
    """Return what is wrong with a stream URL; go2rtc's have variables too."""
    if problem := _variable_problem(url):
        return problem
    try:
        validate_stream_url(url)
    except InvalidStreamUrlError as error:
        return str(error)
    return None


def _sub_path(main: str, sub: str) -> str:
    """Return the path of a sub-stream on the main stream's host; empty if Vigil cannot read it with its settings."""
    first, second = urlsplit(main), urlsplit(sub)
    if (first.scheme, first.netloc) != (second.scheme, second.netloc):
        return ""
    path = (second.path or "/") + (f"?{second.query}" if second.query else "")
    try:
        check_stream_path(path)
    except ValueError:  # credentials in the path
        return ""
    return path


def _record_paths(ledger: Ledger, main: Input, sub: Input | None) -> None:
    for one, target in ((main, "rtsp_url"), (sub, "detection.stream_path")):
        if one is None:
            continue
        if one.source.note:
            ledger.changed((*one.path, "path"), target, one.source.note)
        else:
            ledger.taken((*one.path, "path"), target)


def _record_roles(ledger: Ledger, one: Input) -> None:
    targets = {"detect": "detection", "record": "rtsp_url"}
    known = [targets[role] for role in one.roles if role in targets]
    if "audio" in one.roles:
        note = "Vigil does not analyse audio"
        path = (*one.path, "roles")
        ledger.changed(path, ", ".join(known), note) if known else ledger.not_taken(path, note)
    else:
        ledger.taken((*one.path, "roles"), ", ".join(known))


def _transport(sections: Sections, main: Path, ledger: Ledger) -> str:
    """Return how RTP packets are sent. The arguments of an input come before the camera's and the global ones."""
    setting = _input_args(sections, main) or sections.get("ffmpeg", "input_args")
    if setting is None:
        return "tcp"
    text = " ".join(str(part) for part in as_list(setting.value))
    transport = "udp" if "preset-rtsp-udp" in text or "-rtsp_transport udp" in text else "tcp"
    if "rtsp" in text:
        ledger.changed(setting.path, "transport", f"only the transport is taken: {transport}")
    return transport


def _input_args(sections: Sections, main: Path) -> Setting | None:
    inputs = sections.own("ffmpeg", "inputs")
    entry: Mapping[str, Any] = (
        next((one for index, one in enumerate(inputs.value) if index == main[-1]), {}) if inputs else {}
    )
    value = entry.get("input_args")
    return None if value is None else Setting(value, (*main, "input_args"))
