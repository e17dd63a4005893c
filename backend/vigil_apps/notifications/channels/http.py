"""Send one POST request to a user's server: to a checked address, without redirects or proxies."""

from collections.abc import Mapping

from vigil_apps.notifications.channels.answers import Answer


def post(url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send the request and return the answer, whatever its status. Raises DeliveryError if there is none."""
    # Here, since few processes send and the client takes a tenth of the time of a start.
    from vigil_apps.notifications.channels import http_client

    return http_client.post(url, headers=headers, body=body)
