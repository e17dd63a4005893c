"""Subscriptions in the document of `vigil export`, and their comparison with those of a backend."""

from typing import Any

import pytest
import yaml

from vigil_transfer import own
from vigil_transfer.plan import Plan
from vigil_transfer.subscription_changes import Change, Coming, Known, compare, with_ids
from vigil_transfer.subscriptions import Exported, Names, export_subscriptions

NAMES = Names({1: "Gate", 2: "Yard"}, {5: "Depot"})
CHANNELS: dict[str, dict[str, Any]] = {
    name: {
        "is_available": problem == "",
        "problem": problem,
        "target": {
            "properties": {field: {} for field in fields},
            "required": [field for field in fields if field != "secret"],
        },
    }
    for name, fields, problem in (
        ("webhook", ("url", "secret"), ""),
        ("mqtt", ("url", "topic"), ""),
        ("email", ("address",), "e-mail is not set up on this server (VIGIL_EMAIL_HOST)"),
    )
}
FIELDS = {name: tuple(channel["target"]["properties"]) for name, channel in CHANNELS.items()}
SECRET = "whsec_" + "A" * 32


def _listed(**more: Any) -> dict[str, Any]:
    """Return a subscription as the API lists it."""
    return {
        "id": 9,
        "name": "Nights",
        "channel": "webhook",
        "format": "vigil",
        "target": {"url": "https://hooks.example/***"},
        "is_active": True,
        "alert_types": ["fire"],
        "cameras": [2],
        "sites": [5],
        "minimum_confidence": 0.5,
        "schedule": None,
        "messages_per_hour": 60,
        "digest_minutes": 0,
        "paused_until": None,
        **more,
    }


def _export(*listed: dict[str, Any]) -> Exported:
    return export_subscriptions(listed, FIELDS, NAMES)


def _document(**more: Any) -> dict[str, Any]:
    (document,) = _export(_listed()).subscriptions
    return {**document, **more}


def _compare(document: dict[str, Any], *stored: dict[str, Any], coming: Coming | None = None) -> Change:
    return compare(document, Known(stored, CHANNELS, NAMES), coming or Coming())


def _plan(subscriptions: Any, credentials: Any = None) -> Plan:
    text = yaml.safe_dump({"cameras": [], "subscriptions": subscriptions})
    return own.convert(text, None if credentials is None else yaml.safe_dump(credentials))


def test_document_names_cameras_and_fields_to_fill_in() -> None:
    exported = _export(_listed(name="A\nB: c"), _listed(name="Phone", channel="web_push", target={"endpoint": "x"}))
    text = own.document_text([], [], exported)
    (one,) = yaml.safe_load(text)["subscriptions"]
    assert (one["name"], one["cameras"], one["sites"]) == ("A\nB: c", ["Yard"], ["Depot"])
    assert one["target"] == {"url": "https://hooks.example/***", "secret": "***"}
    assert not {"id", "paused_until"} & set(one)
    assert "#   A B: c: target.url, target.secret\n" in text
    assert "# Not contained, since each belongs to one browser: Phone\n" in text
    credentials = yaml.safe_load(own.credentials_text({}, exported))
    assert credentials == {"subscriptions": {"A\nB: c": {"url": "https://hooks.example/***", "secret": "***"}}}


def test_document_with_nothing_to_fill_in_has_no_such_comment() -> None:
    target = {"url": "mqtt://broker.example:1883", "topic": "vigil/alerts"}
    exported = _export(_listed(channel="mqtt", target=target))
    assert "Replace ***" not in own.document_text([], [], exported)
    assert yaml.safe_load(own.credentials_text({}, exported)) == {}


@pytest.mark.parametrize(
    ("names", "filters", "problem"),
    [
        (NAMES, {"cameras": [8], "sites": []}, "its cameras and sites were deleted, or you can no longer view them"),
        (Names({1: "Gate", 2: "Gate"}, {}), {"cameras": [1], "sites": []}, "several cameras that you can view"),
    ],
)
def test_filter_that_names_cannot_express_is_left_out(names: Names, filters: dict[str, Any], problem: str) -> None:
    exported = export_subscriptions([_listed(**filters)], FIELDS, names)
    assert exported.subscriptions == ()
    assert problem in exported.problems[0]
    assert f"# {exported.problems[0]}\n" in own.document_text([], [], exported)


def test_deleted_camera_among_others_is_left_out_of_the_filter() -> None:
    exported = _export(_listed(cameras=[8, 1]))
    assert exported.subscriptions[0]["cameras"] == ["Gate"]


def test_credentials_fill_in_the_target() -> None:
    filled = {"subscriptions": {"Nights": {"url": "https://hooks.example/t0ken", "secret": SECRET}}}
    plan = _plan([_document()], filled)
    assert plan.problems == ()
    assert plan.subscriptions[0]["target"] == {"url": "https://hooks.example/t0ken", "secret": SECRET}
    assert {"https://hooks.example/t0ken", SECRET} <= set(plan.secrets)
    assert "t0ken" not in repr(plan)
    template = {"subscriptions": {"Nights": {"secret": "***"}}}
    assert _plan([_document()], template).subscriptions[0]["target"] == _document()["target"]


@pytest.mark.parametrize(
    ("subscriptions", "credentials", "problem"),
    [
        ({}, None, "subscriptions: must be a list of at most 1000 subscriptions"),
        ([{"name": "A", "channel": "mqtt"}], None, "subscriptions[0].target: Field required"),
        ([_document(minimum_confidence=2)], None, "subscriptions[0].minimum_confidence: "),
        ([_document(alert_types=["ufo"])], None, "subscriptions[0].alert_types[0]: "),
        ([_document(id=3)], None, "subscriptions[0].id: Extra inputs are not permitted"),
        ([_document(channel="web_push")], None, "subscriptions[0]: belongs to one browser; remove it"),
        ([_document(), _document()], None, "subscriptions[1]: has the name of another subscription"),
        (
            [],
            {"subscriptions": {"X": {"url": "a"}}},
            "the credentials name a subscription that the file does not have: X",
        ),
        ([], {"subscriptions": {"X": "t0ken"}}, "the credentials' subscriptions must be texts by name"),
    ],
)
def test_invalid_document_is_refused_without_values(subscriptions: Any, credentials: Any, problem: str) -> None:
    (found,) = _plan(subscriptions, credentials).problems
    assert str(found).startswith(problem)
    assert "t0ken" not in str(found)


def test_camera_named_subscriptions_keeps_its_url() -> None:
    camera = {"name": "subscriptions", "rtsp_url": "rtsp://***@h/live"}
    text = own.document_text([camera], [], _export(_listed()))
    urls = own.credentials_text({"subscriptions": "rtsp://u:p@h/live"}, _export(_listed()))
    plan = own.convert(text, urls)
    assert (plan.problems, plan.cameras[0]["rtsp_url"]) == ((), "rtsp://u:p@h/live")


def test_new_subscription_needs_its_secrets() -> None:
    change = _compare(_document())
    assert change.result == "not added"
    wording = "holds *** in place of what the API does not return; fill it in"
    assert change.problems == (f"target.url: {wording}", f"target.secret: {wording}")
    complete = _compare(_document(target={"url": "https://hooks.example/t0ken", "secret": SECRET}))
    assert (complete.result, complete.problems, complete.subscription_id) == ("added", (), None)
    assert "t0ken" not in repr(complete)
    for target in ({"url": "https://hooks.example/t0ken"}, {"url": "https://hooks.example/t0ken", "secret": ""}):
        assert _compare(_document(target=target)).problems == (
            "target.secret: is missing; enter the one that the receiver knows",
        )


def test_exported_subscription_is_unchanged_in_its_own_backend() -> None:
    change = _compare(_document(), _listed())
    assert (change.result, change.fields, change.problems) == ("unchanged", (), ())
    # What the API shows cannot tell whether a value is the stored one.
    filled = _document(target={"url": "https://hooks.example/t0ken", "secret": SECRET})
    assert _compare(filled, _listed()).result == "unchanged"


def test_changed_fields_are_sent_and_no_others() -> None:
    change = _compare(
        _document(cameras=["Gate"], alert_types=["smoke", "fire"]), _listed(alert_types=["fire", "smoke"])
    )
    assert (change.result, change.fields, change.subscription_id) == ("changed", ("cameras",), 9)
    assert with_ids(change.values, NAMES, {"Gate": 7}) == {"cameras": [7]}


def test_filter_of_deleted_cameras_is_not_the_same_as_none() -> None:
    assert _compare(_document(cameras=[], sites=[]), _listed(cameras=[8], sites=[])).fields == ("cameras",)


def test_changed_host_needs_the_whole_url() -> None:
    document = _document(target={"url": "https://other.example/***", "secret": "***"})
    change = _compare(document, _listed())
    assert change.result == "not changed"
    assert change.problems[0].startswith("target.url: differs from the stored one, and holds ***")
    moved = _compare(_document(target={"url": "https://other.example/a", "secret": "***"}), _listed())
    assert moved.values == {"target": {"url": "https://other.example/a"}}


def test_unreadable_target_is_replaced_by_a_complete_one() -> None:
    unreadable = _listed(target={"problem": "cannot be read"})
    assert _export(unreadable).subscriptions[0]["target"] == {"url": "***", "secret": "***"}
    target = {"url": "https://hooks.example/t0ken", "secret": SECRET}
    assert _compare(_document(target=target), unreadable).values == {"target": target}
    assert _compare(_document(), unreadable).result == "not changed"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"cameras": ["Dock"]}, "cameras: you can view none: Dock"),
        ({"channel": "email", "target": {"address": "a@b.example"}}, "channel: e-mail is not set up on this server"),
        ({"channel": "pager"}, "channel: must be one of webhook, mqtt, email"),
        (
            {"target": {"url": "https://h/a", "secret": SECRET, "topic": "t"}},
            "target.topic: is not a field of the channel",
        ),
    ],
)
def test_subscription_that_this_server_cannot_have_is_not_added(more: dict[str, Any], problem: str) -> None:
    change = _compare(_document(**{"target": {"url": "https://h/a", "secret": SECRET}, **more}))
    assert change.result == "not added"
    assert change.problems[0].startswith(problem)


def test_cameras_of_the_same_document_are_known() -> None:
    document = _document(cameras=["Dock"], target={"url": "https://h/a", "secret": SECRET})
    assert _compare(document, coming=Coming(cameras={"Dock"})).result == "added"


def test_channel_cannot_change() -> None:
    document = _document(channel="mqtt", target={"url": "mqtt://h", "topic": "t"})
    change = _compare(document, _listed())
    assert (change.result, change.problems) == (
        "not changed",
        ("channel: cannot be changed; rename the subscription in the file, or delete the stored one",),
    )


def test_cloudevents_have_no_limit_to_compare() -> None:
    stored = _listed(format="cloudevents", messages_per_hour=None)
    assert _compare(_document(format="cloudevents", messages_per_hour=60), stored).result == "unchanged"
