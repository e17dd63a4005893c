"""Errors of the core as answers of the API."""

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.exceptions import ValidationError

from surveillance.core.image_decoder import DecoderUnavailableError
from surveillance.core.validation import InvalidInputError
from surveillance.images import StorageUnavailableError
from surveillance.services.alerts import UnknownEventError
from surveillance.services.cameras import ReadOnlyCameraError
from surveillance.services.clusters import ClusterNameTakenError
from surveillance.services.detector_tasks import AlreadyClaimedError
from surveillance.services.holds import HeldError
from vigil_apps.web.api_errors import ConflictError, ServiceUnavailableError


@contextmanager
def translate_errors() -> Iterator[None]:
    """Errors raised inside become 400 with the fields' names, 409, or 503."""
    try:
        yield
    except InvalidInputError as error:
        raise ValidationError(error.errors) from None
    except UnknownEventError:
        raise ConflictError("No alert exists for this event; send the alert first.") from None
    except ReadOnlyCameraError:
        raise ConflictError("This camera is managed by kubectl; change its resource in the cluster.") from None
    except (ClusterNameTakenError, HeldError) as error:
        raise ConflictError(str(error)) from None
    except AlreadyClaimedError:
        raise ConflictError("This task is unavailable: another detector has claimed it, or it has ended.") from None
    except (StorageUnavailableError, DecoderUnavailableError) as error:
        raise ServiceUnavailableError(str(error)) from None
