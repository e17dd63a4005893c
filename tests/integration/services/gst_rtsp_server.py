"""A real RTSP server (GStreamer's) that plays one file, as a separate program for Debian's Python.

    /usr/bin/python3 gst_rtsp_server.py '{"clip": "…", "path": "/cam", "plays": 1, …}'

GStreamer's bindings are Debian packages, which the tests' environment does not see; hence the separate process. It
prints `port <n>` once it listens and ends with its standard input. See `tests/integration/services/rtsp.py`.
"""

import functools
import json
import operator
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

PARSERS = {
    "h264": ("h264parse", "rtph264pay"),
    "h265": ("h265parse", "rtph265pay"),
    "mjpeg": ("jpegparse", "rtpjpegpay"),
}


AUDIO = {
    "pcmu": "rtppcmupay pt=0",
    "pcma": "rtppcmapay pt=8",
    "aac": "aacparse ! rtpmp4gpay pt=97",
    "opus": "opusparse ! rtpopuspay pt=98",
}


def launch_line(options: dict[str, Any], clip: str) -> str:
    """Return the pipeline for gst-launch. Packets are sent at their time, since the media is played live."""
    parser, payloader = PARSERS[options["codec"]]
    extra = "config-interval=-1 " if payloader != "rtpjpegpay" else ""
    location = json.dumps(clip)
    if not options.get("audio"):
        return f"( filesrc location={location} ! qtdemux ! {parser} ! queue ! {payloader} name=pay0 pt=96 {extra})"
    video = f"demux.video_0 ! {parser} ! queue max-size-time=0 ! {payloader} name=pay0 pt=96 {extra}"
    encoder, _, payload_type = AUDIO[options["audio"]].rpartition(" ")
    audio = f"demux.audio_0 ! queue max-size-time=0 ! {encoder} name=pay1 {payload_type}"
    return f"( filesrc location={location} ! qtdemux name=demux {video} {audio} )"


class Plays:
    """Counts and prints the clients that received the stream, and rejects further ones."""

    def __init__(self, most: int) -> None:
        self._most, self._begun = most, 0

    def watch(self, _server: object, client: GstRtspServer.RTSPClient) -> None:
        """A client has connected."""
        client.connect("pre-describe-request", self._may_describe)
        client.connect("play-request", self._began)
        client.connect("pre-setup-request", self._set_up)
        client.connect("closed", lambda _client: print("closed", flush=True))

    def _may_describe(self, _client: object, _context: object) -> GstRtsp.RTSPStatusCode:
        over = self._most and self._begun >= self._most
        return GstRtsp.RTSPStatusCode.NOT_FOUND if over else GstRtsp.RTSPStatusCode.OK

    def _set_up(self, _client: object, context: Any) -> GstRtsp.RTSPStatusCode:
        print(f"setup {context.uri.abspath.rpartition('/')[2]}", flush=True)
        return GstRtsp.RTSPStatusCode.OK

    def _began(self, _client: object, _context: object) -> None:
        self._begun += 1
        print(f"play {self._begun}", flush=True)


def make_factory(options: dict[str, Any], clip: str) -> GstRtspServer.RTSPMediaFactory:
    """Return a factory that creates media for each client, or shared media."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch_line(options, clip))
    factory.set_shared(bool(options["shared"]))
    flags = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
    factory.set_protocols(functools.reduce(operator.or_, (flags[name] for name in options["transports"])))
    return factory


def protect(
    server: GstRtspServer.RTSPServer, factories: list[GstRtspServer.RTSPMediaFactory], options: dict[str, Any]
) -> None:
    """Enable digest or basic authentication and TLS if configured."""
    if not options["username"] and not options["tls_certificate"]:
        return
    auth = GstRtspServer.RTSPAuth()
    role = "viewer"
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    if options["tls_certificate"]:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(options["tls_certificate"], options["tls_key"]))
    if not options["username"]:
        auth.set_default_token(token)
    elif options["basic"]:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(options["username"], options["password"]), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(options["username"], options["password"], token)
    permissions = GstRtspServer.RTSPPermissions.new()
    permissions.add_role(role)
    permissions.add_permission_for_role(role, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.construct", True)
    for factory in factories:
        factory.set_permissions(permissions)
    server.set_auth(auth)


def main() -> None:
    """Serve until standard input ends."""
    options = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.get("host", "127.0.0.1"))
    server.set_service(str(options["port"]))
    factories = {path: make_factory(options, clip) for path, clip in options["clips"].items()}
    server.connect("client-connected", Plays(options["plays"]).watch)
    for path, factory in factories.items():
        server.get_mount_points().add_factory(path, factory)
    protect(server, list(factories.values()), options)
    if server.attach(None) == 0:
        sys.exit("cannot listen")
    loop = GLib.MainLoop()
    print(f"port {server.get_bound_port()}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
