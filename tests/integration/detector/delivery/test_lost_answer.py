"""A response lost after the API has stored the alert: sent again, stored once."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.cluster.polling import eventually
from tests.integration.detector.delivery.test_endurance import MEGABYTE
from tests.integration.services.backend import BackendServer
from tests.integration.services.detector import a_person

from cctv.config import Settings
from cctv.delivery.sender import Sender
from cctv.delivery.spool import Spool
from cctv.metrics import Metrics
from cctv.runtime.api import Api


def test_response_lost_after_the_commit_leaves_one_row(backend: BackendServer, tmp_path: Path) -> None:
    answers: list[int] = []

    class Proxy(BaseHTTPRequestHandler):
        """Forwards requests and drops the first response."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            behind = http.client.HTTPConnection("127.0.0.1", backend.port, timeout=30)
            behind.request("POST", self.path, body, dict(self.headers.items()))
            answer = behind.getresponse()
            content = answer.read()
            behind.close()
            answers.append(answer.status)
            self.close_connection = True
            if len(answers) > 1:
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    user, pipeline = backend.create_user("anna"), ""
    pipeline = backend.token("anna", "pipeline")
    spool = Spool(tmp_path / "spool", 10 * MEGABYTE)
    spool.append(a_person(backend.add_camera(user.token, name="c", rtsp_url="rtsp://10.0.0.1/x")), b"")
    metrics = Metrics()
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        api = Api(Settings(api_url=f"http://127.0.0.1:{proxy.server_address[1]}", token=pipeline), metrics)
        sender = Sender(spool, api.deliver, metrics)
        sender.start()
        eventually(lambda: spool.waiting().alerts == 0, 30, "it is delivered")
        sender.stop(5)
        api.close()
        proxy.shutdown()
    spool.close()

    assert answers == [201, 200], "stored, and known the second time"
    assert len(backend.alerts(user.token)) == 1
