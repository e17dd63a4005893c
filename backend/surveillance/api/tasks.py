"""What all endpoints of detector tasks share: begin one, and get one's own."""

from typing import Any

from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from surveillance.api.access import user_of
from surveillance.models import DetectorTask
from surveillance.services.detector_tasks import tasks_expire
from vigil_contracts.detector_tasks import TaskKind


def accepted_task(serializer: type[BaseSerializer[DetectorTask]], task: DetectorTask, *, page: str) -> Response:
    """Return the 202 response of a task; `page`: the name of the endpoint that returns its result (`Location`)."""
    location = reverse(page, args=[task.pk])
    return Response(serializer(task).data, status=202, headers={"Location": location})


def own_task(request: Request, task_id: Any, kind: TaskKind) -> DetectorTask:
    """Return the user's own task; it is ended if no detector has claimed it in time. Raises Http404."""
    mine = DetectorTask.objects.filter(pk=task_id, kind=kind.value, user=user_of(request))
    task = mine.first()
    if task is None:
        raise Http404
    tasks_expire(now=timezone.now(), task=task)
    task.refresh_from_db()
    return task
