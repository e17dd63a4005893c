"""Cameras from a CSV file: checked first, all or none added, errors by line."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from surveillance.models import Camera

PATH = "/dashboard/cameras/import/"
GOOD = "name;rtsp_url;group\nGate;rtsp://anna:hunter2@192.0.2.1/1;yard\nDock;rtsp://192.0.2.2/1;\n"
BAD = "name,rtsp_url\n,rtsp://192.0.2.1/1\nDock,http://192.0.2.2/1\n"


def _send(client: Client, text: str, action: str, *, htmx: bool = True) -> tuple[int, str, str]:
    sent = {"file": SimpleUploadedFile("cameras.csv", text.encode()), "action": action}
    answer = client.post(PATH, sent, headers={"HX-Request": "true"} if htmx else {})
    return answer.status_code, answer.content.decode(), answer.headers.get("HX-Redirect", "")


def test_a_check_shows_what_would_be_added_and_adds_nothing(client: Client) -> None:
    status, text, _ = _send(client, GOOD, "check")
    assert status == 200
    assert "rtsp://***@192.0.2.1/1" in text
    assert "hunter2" not in text
    assert not Camera.objects.exists()


def test_all_are_added(client: Client) -> None:
    _, _, elsewhere = _send(client, GOOD, "add")
    assert elsewhere == "/dashboard/cameras/"
    assert set(Camera.objects.values_list("name", "user__username")) == {("Gate", "anna"), ("Dock", "anna")}
    assert "2 cameras were added." in client.get(elsewhere).content.decode()


def test_errors_are_shown_by_line_and_nothing_is_added(client: Client) -> None:
    _, text, _ = _send(client, BAD, "add")
    assert '<td data-label="Line number">2</td>' in text
    assert '<td data-label="Line number">3</td>' in text
    assert "must be filled in" in text
    assert not Camera.objects.exists()


def test_without_scripts_it_is_a_whole_page(client: Client) -> None:
    status, text, _ = _send(client, BAD, "check", htmx=False)
    assert (status, "<h1>" in text, "must be filled in" in text) == (422, True, True)
    status, text, _ = _send(client, "", "add", htmx=False)
    assert (status, "is empty." in text) == (422, True)
